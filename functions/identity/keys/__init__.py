"""The signing keys: made by KMS, published, rotated; the access tokens they sign."""
