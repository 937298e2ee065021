"""The provider contract as tests, for whoever writes a provider (docs/providers.md).

`suite` holds the tests and `plugin` what pytest needs to run them. Both need the extra `contract`,
which brings pytest; nothing that serves people imports them.
"""
