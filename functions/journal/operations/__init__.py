"""What operators do from the console: dead-letter queues, invocations, faults on the local stack."""
