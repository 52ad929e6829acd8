"""Buckets: objects under keys, in a folder of this machine or behind an S3 endpoint, and the pull of traders' logs.

`open` and `base` are light; boto3 is imported when an S3 bucket is opened, and by no other package.
"""
