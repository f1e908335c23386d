"""Stores elsewhere: a directory, a bucket, a directory behind SSH."""
