"""Whatever must happen once, once more."""

from store.test_platform_idempotency import *  # noqa: F403 - its tests, with the `database` of this folder
