from tests.http.conftest import peer, person, tenant

__all__ = ["peer", "person", "tenant"]
