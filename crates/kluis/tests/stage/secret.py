# A shared secret in the clear, as the seed post's machine gets it: fetched from the bucket, decrypted by the key service.
import sys

from botocore.session import get_session

session = get_session()
bucket, key = sys.argv[1].removeprefix("s3://").split("/", 1)
blob = session.create_client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
sys.stdout.buffer.write(session.create_client("kms").decrypt(CiphertextBlob=blob)["Plaintext"])
