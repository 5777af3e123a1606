"""For all tests: botocore's API models are read from disk once, not for each of the thousands of clients made.

Nothing is asserted of time: hypothesis has no deadline, since a busy machine is not a defect.
"""

import functools

import botocore.loaders
import botocore.session
import hypothesis

botocore.session.create_loader = functools.cache(botocore.loaders.create_loader)
hypothesis.settings.register_profile("souk", deadline=None)
hypothesis.settings.load_profile("souk")
