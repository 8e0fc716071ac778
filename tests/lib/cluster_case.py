"""Claims that need a cluster: one for all claims of a class, or one for each claim.

    class Kv(ClusterCase):
        servers = 1
        def test_a_put_answers_201(self): self.api.put(...)

`cluster`, `apis` (one a member) and `api` (the first's) are there; the logs are printed with a failure,
and a server that ended by itself fails the class or the claim.
"""

import claims
from weft import Cluster


class _WithCluster(claims.TestCase):
    servers = 3
    flags = ()  # of every weftd

    def diagnose(self):
        return self.cluster.log_tails()


def _start(owner, add_cleanup):
    """Starts a cluster and hangs it on `owner`, a class or an instance."""
    owner.cluster = Cluster(owner.servers, *owner.flags)
    owner.configure()
    owner.cluster.start()
    add_cleanup(owner.cluster.close)
    owner.apis = [member.api for member in owner.cluster.members]
    owner.api = owner.apis[0]


class ClusterCase(_WithCluster):
    """One cluster for all claims of the class."""

    @classmethod
    def configure(cls):
        """What must be done before the servers start, such as to give members a wrapper."""

    @classmethod
    def setUpClass(cls):
        _start(cls, cls.addClassCleanup)


class OwnClusterCase(_WithCluster):
    """A cluster for each claim: they kill servers, or need an empty store."""

    def configure(self):
        """As above."""

    def setUp(self):
        _start(self, self.addCleanup)
