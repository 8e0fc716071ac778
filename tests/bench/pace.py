"""How long each part of a run takes: the full run and the quick one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    rounds: int
    wrk_s: float  # each load of wrk
    quiet_s: float  # before memory is read
    watched_puts: int
    kills: int  # of the leader, in all rounds together
    repeats_slow: bool  # slow loads in every round, not in the first alone
    longest_s: float  # no round begins that would not end before this

    def kills_in_round(self):
        return -(-self.kills // self.rounds)


FULL = Pace(5, 3.0, 1.0, 41, 10, True, 3600)
QUICK = Pace(3, 0.4, 0.5, 21, 3, False, 174)
