"""Where the keys to a bucket are: of traders' logs, and of backups."""

from __future__ import annotations

from pydantic import Field

from config.section import Section
from config.settings.references import SecretReference


class BucketKeys(Section):
    """The keys to a bucket are not in the config: it names the variable or file of each."""

    account_id: SecretReference = Field(
        default="env:R2_ACCOUNT_ID", description="Where the account of Cloudflare R2 is, for `r2` alone."
    )
    bucket_name: SecretReference = Field(default="env:R2_BUCKET_NAME", description="Where the name of the bucket is.")
    access_key_id: SecretReference = Field(
        default="env:R2_ACCESS_KEY_ID", description="Where the id of the access key is."
    )
    secret_access_key: SecretReference = Field(
        default="env:R2_SECRET_ACCESS_KEY", description="Where the access key is."
    )
