"""What imports and exports share: files, queues, and the index of jobs that are open."""
