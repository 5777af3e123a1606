"""For all tests: a client of AWS is made once, not thousands of times; what moto holds is emptied by itself.

Nothing is asserted of time: hypothesis has no deadline, since a busy machine is not a defect. Its examples are the same
in each run, so that a change fails by itself only; HYPOTHESIS_PROFILE=explore draws others.
"""

import functools
import os

import boto3
import botocore.loaders
import botocore.session
import hypothesis

botocore.session.create_loader = functools.cache(botocore.loaders.create_loader)
boto3.client = functools.cache(boto3.client)
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
