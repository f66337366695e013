"""What operators rely on; a package, so that its fleet ends with its last test."""
