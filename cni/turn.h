/* One call at a time for one attachment: a runtime must not call in parallel for one container (CNI
 * 1.1.0, "Lifecycle & Ordering"), and one that does must not find the undo of one ADD working on
 * what another made.
 *
 * A lock on a byte of SOCKET.turns, beside the agent's socket: the byte follows from the key, so
 * the file never grows, and the kernel ends the turn of a process that dies. Two keys of one byte
 * wait for each other, which does no harm. */
#ifndef WEFT_CNI_TURN_H
#define WEFT_CNI_TURN_H

/* Waits for the turn; a turn is as long as one call, whose every step has its bound. Where no lock
 * can be had (the agent never ran here, so there is no directory), the call goes on without: a DEL
 * must succeed. Owns: turn_end. Returns what turn_end needs. */
int turn_begin(const char *socket, const char *container_id, const char *ifname);
void turn_end(int turn);

#endif
