"""LocalStack's open core as the AWS of the local stack, without Docker and without an account."""
