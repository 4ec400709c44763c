"""A webhook as MLflow signs it."""

import base64
import hashlib
import hmac

SECRET = b"a secret"
DELIVERY = "6e9ff1f0-8a3e-4c6e-9d6f-0b8f8f4d2f3a"
MOMENT = 1_767_225_600
BODY = b'{"entity": "model_version", "data": {"name": "owl"}}'


def signed(
    body: bytes = BODY, *, secret: bytes = SECRET, delivery: str = DELIVERY, moment: str = str(MOMENT)
) -> dict[str, str]:
    digest = hmac.new(secret, f"{delivery}.{moment}.".encode() + body, hashlib.sha256).digest()
    return {
        "x-mlflow-delivery-id": delivery,
        "x-mlflow-timestamp": moment,
        "x-mlflow-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
