"""A token issuer for one machine: keys in a folder, tokens for the asking. Never for production."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import ECKey

from membership.kernel.actor import Role

ALGORITHM = "ES256"
ISSUER = "membership-dev"
AUDIENCE = "membership"
LIFETIME = timedelta(days=30)


def ensure_keys(folder: Path) -> Path:
    """Makes the key pair unless it is there. Gives the public key set's file, for MEMBERSHIP_TOKEN_JWKS_FILE."""
    private, public = folder / "issuer.json", folder / "jwks.json"
    if not private.exists():
        folder.mkdir(parents=True, exist_ok=True)
        key = ECKey.generate_key("P-256", parameters={"use": "sig", "alg": ALGORITHM}, auto_kid=True)
        private.touch(mode=0o600)
        private.write_text(json.dumps(key.as_dict(private=True)), encoding="utf-8")
    key = ECKey.import_key(json.loads(private.read_text(encoding="utf-8")))
    public.write_text(json.dumps({"keys": [key.as_dict(private=False)]}), encoding="utf-8")
    return public


def issue_token(
    folder: Path,
    role: Role,
    *,
    now: datetime,
    subject: str | None = None,
    issuer: str = ISSUER,
    audience: str = AUDIENCE,
    lifetime: timedelta = LIFETIME,
    member: UUID | None = None,
    programme: UUID | None = None,
    store: UUID | None = None,
    counter: UUID | None = None,
    till: UUID | None = None,
    brand: UUID | None = None,
) -> str:
    """A signed token. What a role needs beside its name is checked where tokens are verified, not here.

    `subject`: who it is to the audit trail and the rate limits. If absent, each till and each member is one of their
    own.
    """
    ensure_keys(folder)
    key = ECKey.import_key(json.loads((folder / "issuer.json").read_text(encoding="utf-8")))
    ids = {
        "member": member,
        "programme": programme,
        "store": store,
        "counter": counter,
        "till": till,
        "brand": brand,
    }
    claims: dict[str, object] = {
        "iss": issuer,
        "aud": audience,
        "sub": subject or "-".join(str(part) for part in ("dev", role.value, till or member) if part),
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
        "role": role.value,
        **{name: str(value) for name, value in ids.items() if value is not None},
    }
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, claims, key, algorithms=[ALGORITHM])
