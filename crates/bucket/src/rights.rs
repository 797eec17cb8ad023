//! Who may do what, and whether the bucket is there: `s3s-fs` would make any bucket that is written to.

use async_trait::async_trait;
use s3s::{
    S3Result,
    access::{S3Access, S3AccessContext},
    s3_error,
};

use crate::{Bucket, READER_KEY_ID};

pub(crate) struct Rights;

#[async_trait]
impl S3Access for Rights {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(who) = context.credentials() else { return Err(s3_error!(AccessDenied)) };
        let is_reading = context.method().is_safe();
        if who.access_key == READER_KEY_ID && !is_reading {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        }
        if context.s3_path().get_bucket_name() != Some(Bucket::NAME) {
            return Err(s3_error!(NoSuchBucket, "The specified bucket does not exist"));
        }
        Ok(())
    }
}
