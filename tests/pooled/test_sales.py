"""Sales, from quote to receipt, once more."""

from service.test_tills_commit import *  # noqa: F403 - its tests, with the `database` of this folder
