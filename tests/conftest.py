"""For all tests: botocore's API models are read from disk once, not for each of the thousands of clients made."""

import functools

import botocore.loaders
import botocore.session

botocore.session.create_loader = functools.cache(botocore.loaders.create_loader)
