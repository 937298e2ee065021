from tests.http.conftest import house, peer, person, tenant

__all__ = ["house", "peer", "person", "tenant"]
