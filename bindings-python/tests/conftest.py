"""Settings for all tests."""

import hypothesis

# No time limit per example: the machine may be busy with another language's tests. No folder of examples beside the sources.
hypothesis.settings.register_profile("seawall", deadline=None, database=None)
hypothesis.settings.load_profile("seawall")
