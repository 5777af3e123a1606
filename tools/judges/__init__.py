"""Outside judges of the shop's security and contracts; docs/security.md says what they found and what was answered."""
