"""Secrets: keys, tokens, passwords and what else opens a door."""

from __future__ import annotations

from gateway.privacy.entities.entity import Entity, spelt


def url_credentials(candidate: str) -> int:
    """RFC 3986 section 3.2.1: userinfo ends before the at sign."""
    return len(candidate) - 1


def _api_key(rule: str, core: str, longest: int, *openings: str) -> Entity:
    return Entity(
        name="API_KEY",
        rule=rule,
        label="API_KEY",
        kind="secret",
        core=core,
        longest=longest,
        openings=spelt(*openings),
        after=r"[A-Za-z0-9_]",
        aliases=("SECRET",),
    )


SECRETS: tuple[Entity, ...] = (
    Entity(
        name="API_KEY",
        rule="PRIVATE_KEY",
        label="PRIVATE_KEY",
        kind="secret",
        core=r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
        longest=80,
        openings=spelt("-----BEGIN"),
        before="",
        after="",
        until=r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
        aliases=("SECRET",),
    ),
    # The scheme and the host stay: what the model is asked about usually hangs on them.
    Entity(
        name="API_KEY",
        rule="URL_CREDENTIALS",
        label="CREDENTIALS",
        kind="secret",
        core=r"://[^\s/@:\"'<>]{0,64}:[^\s/@\"'<>]{1,128}@",
        longest=197,
        openings=spelt("://"),
        validate=url_credentials,
        before="",
        after="",
        keep=3,
        aliases=("CONNECTION_STRING",),
    ),
    Entity(
        name="API_KEY",
        rule="JWT",
        label="API_KEY",
        kind="secret",
        core=r"eyJ[A-Za-z0-9_-]{8,1024}\.eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,1024}",
        longest=6200,
        openings=spelt("eyJ"),
        after=r"[A-Za-z0-9_]",
        aliases=("SECRET",),
    ),
    # Formats as the vendors publish them for secret scanning.
    _api_key("OPENAI_KEY", r"sk-[A-Za-z0-9_-]{20,220}", 224, "sk-"),  # Anthropic's sk-ant- too
    _api_key("STRIPE_KEY", r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,128}", 140, "sk_", "rk_"),
    _api_key("STRIPE_WEBHOOK_SECRET", r"whsec_[A-Za-z0-9+/=]{24,64}", 70, "whsec_"),
    _api_key("AWS_ACCESS_KEY_ID", r"A(?:KIA|SIA|BIA|CCA)[A-Z2-7]{16}", 20, "AKIA", "ASIA", "ABIA", "ACCA"),
    _api_key("GITHUB_TOKEN", r"gh[pousr]_[A-Za-z0-9]{36,251}", 255, "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    _api_key("GITHUB_PAT", r"github_pat_[A-Za-z0-9_]{22,244}", 255, "github_pat_"),
    _api_key("GITLAB_TOKEN", r"gl(?:pat|dt|rt|ptt|cbt|soat)-[A-Za-z0-9_.-]{20,300}", 307, "gl"),
    _api_key("SLACK_TOKEN", r"xox[abeoprs]-[A-Za-z0-9-]{10,250}", 255, "xox"),
    _api_key("SLACK_APP_TOKEN", r"xapp-[0-9]-[A-Za-z0-9-]{20,250}", 257, "xapp-"),
    _api_key("GOOGLE_API_KEY", r"AIza[A-Za-z0-9_-]{35}", 39, "AIza"),
    _api_key("GOOGLE_OAUTH_TOKEN", r"ya29\.[A-Za-z0-9_-]{20,1024}", 1029, "ya29."),
    _api_key("HUGGINGFACE_TOKEN", r"hf_[A-Za-z0-9]{30,64}", 67, "hf_"),
    _api_key("GROQ_KEY", r"gsk_[A-Za-z0-9]{40,80}", 84, "gsk_"),
    _api_key("XAI_KEY", r"xai-[A-Za-z0-9]{60,120}", 124, "xai-"),
    _api_key("PERPLEXITY_KEY", r"pplx-[A-Za-z0-9]{40,80}", 85, "pplx-"),
    _api_key("NPM_TOKEN", r"npm_[A-Za-z0-9]{36}", 40, "npm_"),
    _api_key("PYPI_TOKEN", r"pypi-[A-Za-z0-9_-]{50,250}", 255, "pypi-"),
    _api_key("SENDGRID_KEY", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}", 100, "SG."),
    _api_key("DIGITALOCEAN_TOKEN", r"do[opr]_v1_[a-f0-9]{64}", 71, "dop_v1_", "doo_v1_", "dor_v1_"),
    _api_key("AZURE_STORAGE_KEY", r"AccountKey=[A-Za-z0-9+/]{86}==", 99, "AccountKey="),
)
