from tests.http.conftest import house, person

__all__ = ["house", "person"]
