"""Tokens that say themselves whose they are: the formats that vendors publish for secret scanning.

A row: the rule, how the token opens, what follows, how long that may be. A wrong guess at a length costs
more than it saves, so lengths are exact where the vendor states them and generous where it does not. No token
here opens with a lower-case a: the word "a" would wait for what follows it in every answer, and those tokens
hardly ever stand without a name before them (`access-sandbox-…`, `aio_…`).
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.privacy.entities.entity import Entity, Validator, spelt
from gateway.privacy.entities.entropy import random_looking, stand_in

_HEX = "[a-f0-9]"
_B62 = "[A-Za-z0-9]"
_B64 = "[A-Za-z0-9+/]"
_URL = "[A-Za-z0-9_-]"

_ISSUED: tuple[tuple[str, str, str, int], ...] = (
    # Models
    ("ANTHROPIC_KEY", "sk-ant-", f"[a-z]{{2,6}}[0-9]{{2}}-{_URL}{{93}}AA", 104),
    ("OPENAI_KEY", "sk-", f"{_URL}{{20,100}}T3BlbkFJ{_URL}{{20,100}}", 208),
    ("GROQ_KEY", "gsk_", f"{_B62}{{40,80}}", 80),
    ("XAI_KEY", "xai-", f"{_B62}{{60,120}}", 120),
    ("PERPLEXITY_KEY", "pplx-", f"{_B62}{{40,64}}", 64),
    ("CEREBRAS_KEY", "csk-", f"{_B62}{{40,56}}", 56),
    ("NVIDIA_KEY", "nvapi-", f"{_URL}{{60,72}}", 72),
    ("HUGGING_FACE_TOKEN", "hf_", f"{_B62}{{30,64}}", 64),
    ("REPLICATE_TOKEN", "r8_", f"{_B62}{{37,40}}", 40),
    ("PINECONE_KEY", "pcsk_", "[A-Za-z0-9_]{40,80}", 80),
    ("TOGETHER_KEY", "tgp_v1_", f"{_URL}{{40,60}}", 60),
    ("FIREWORKS_KEY", "fw_", f"{_B62}{{22,32}}", 32),
    ("VOYAGE_KEY", "pa-", f"{_URL}{{40,48}}", 48),
    ("TAVILY_KEY", "tvly-", f"{_URL}{{20,60}}", 60),
    ("JINA_KEY", "jina_", f"{_URL}{{50,80}}", 80),
    ("ELEVENLABS_KEY", "sk_", f"{_HEX}{{48}}", 48),
    ("LANGSMITH_KEY", "lsv2_pt_ lsv2_sk_", f"{_HEX}{{32}}_{_HEX}{{10}}", 43),
    # Clouds
    ("AWS_ACCESS_KEY_ID", "AKIA ASIA ABIA ACCA A3T", "[A-Z0-9]{15,17}", 17),
    (
        "AWS_SESSION_TOKEN",
        "FwoGZXIvYXdz IQoJb3JpZ2lu FQoGZXIvYXdz FQoDYXdz",
        f"{_B64}{{100,2000}}={{0,2}}",
        2002,
    ),
    ("AWS_BEDROCK_KEY", "ABSKQmVkcm9ja0FQSUtleS1", f"{_B64}{{86,246}}={{0,2}}", 248),
    (
        "AWS_BEDROCK_KEY",
        "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t",
        "[A-Za-z0-9+/%_-]{0,2000}={0,2}",
        2002,
    ),
    ("GOOGLE_API_KEY", "AIza", f"{_URL}{{35}}", 35),
    ("GOOGLE_OAUTH_TOKEN", "ya29.", f"{_URL}{{20,1024}}", 1024),
    ("GOOGLE_REFRESH_TOKEN", "1//0", f"{_URL}{{40,200}}", 200),
    ("GOOGLE_CLIENT_SECRET", "GOCSPX-", f"{_URL}{{28}}", 28),
    ("GOOGLE_HMAC_KEY", "GOOG1E GOOGS", "[A-Z0-9]{18,58}", 58),
    ("ALIBABA_KEY_ID", "LTAI", f"{_B62}{{12,26}}", 26),
    ("TENCENT_KEY_ID", "AKID", f"{_B62}{{32}}", 32),
    ("YANDEX_TOKEN", "t1.", f"{_URL}{{4,400}}={{0,2}}\\.{_URL}{{86}}={{0,2}}", 491),
    ("YANDEX_KEY", "AQVN", f"{_URL}{{35,38}}", 38),
    ("DIGITALOCEAN_TOKEN", "dop_v1_ doo_v1_ dor_v1_", f"{_HEX}{{64}}", 64),
    ("HEROKU_KEY", "HRKU-", f"{_URL}{{36,64}}", 64),
    ("FLYIO_TOKEN", "fo1_", f"{_URL}{{43}}", 43),
    ("FLYIO_TOKEN", "fm1a_ fm1r_ fm2_", f"{_B64}{{80,1200}}={{0,3}}", 1203),
    ("SCALINGO_TOKEN", "tk-us-", f"{_URL}{{48}}", 48),
    ("RENDER_KEY", "rnd_", f"{_B62}{{28,36}}", 36),
    ("NETLIFY_TOKEN", "nfp_", f"{_B62}{{36,40}}", 40),
    ("VERCEL_TOKEN", "vcp_ vci_ vcr_ vca_ vck_", f"{_B62}{{24,64}}", 64),
    ("VERCEL_BLOB_TOKEN", "vercel_blob_rw_", f"{_B62}{{14,20}}_{_B62}{{28,36}}", 57),
    ("CLOUDFLARE_ORIGIN_KEY", "v1.0-", f"{_HEX}{{24}}-{_HEX}{{146}}", 171),
    ("SUPABASE_KEY", "sbp_", f"(?:oauth_)?{_HEX}{{40}}", 46),
    ("SUPABASE_KEY", "sb_secret_", f"{_URL}{{22,48}}", 48),
    ("PLANETSCALE_TOKEN", "pscale_tkn_ pscale_oauth_ pscale_pw_", "[A-Za-z0-9_=.-]{32,64}", 64),
    ("NEON_KEY", "napi_", "[a-z0-9]{60,70}", 70),
    ("AIVEN_PASSWORD", "AVNS_", f"{_URL}{{16,26}}", 26),
    ("TAILSCALE_KEY", "tskey-", f"[a-z]{{3,8}}-{_B62}{{8,20}}-{_B62}{{24,40}}", 70),
    ("PULUMI_TOKEN", "pul-", f"{_HEX}{{40}}", 40),
    ("DATABRICKS_TOKEN", "dapi", f"{_HEX}{{32}}(?:-[0-9])?", 34),
    ("CLICKHOUSE_KEY", "4b1d", f"{_B62}{{38}}", 38),
    ("OPENSHIFT_TOKEN", "sha256~", f"{_URL}{{43}}", 43),
    ("PREFECT_KEY", "pnu_ pnb_", f"{_B62}{{36}}", 36),
    # Code and packages
    ("GITHUB_TOKEN", "ghp_ gho_ ghu_ ghs_ ghr_", f"{_B62}{{36,251}}", 251),
    ("GITHUB_PAT", "github_pat_", "[A-Za-z0-9_]{22,244}", 244),
    (
        "GITLAB_TOKEN",
        "glpat- glptt- gldt- glrt- glrtr- glcbt- glft- glimt- glagent- gloas- glsoat- glffct- glwt-",
        "[A-Za-z0-9_=.-]{16,300}",
        300,
    ),
    ("GITLAB_RUNNER_TOKEN", "GR1348941", f"{_URL}{{20}}", 20),
    ("ATLASSIAN_TOKEN", "ATATT3 ATCTT3 ATSTT3 ATBB ATTA", "[A-Za-z0-9_=-]{28,240}", 240),
    ("NPM_TOKEN", "npm_", f"{_B62}{{36}}", 36),
    ("PYPI_TOKEN", "pypi-", f"{_URL}{{50,1000}}", 1000),
    ("RUBYGEMS_KEY", "rubygems_", f"{_HEX}{{48}}", 48),
    ("NUGET_KEY", "oy2", "[a-z0-9]{43}", 43),
    ("CLOJARS_TOKEN", "CLOJARS_ clojars_", f"{_B62}{{60}}", 60),
    ("DOCKER_TOKEN", "dckr_pat_ dckr_oat_", f"{_URL}{{24,36}}", 36),
    ("ARTIFACTORY_KEY", "AKCp", f"{_B62}{{69}}", 69),
    ("ARTIFACTORY_TOKEN", "cmVmd", f"{_B62}{{59}}", 59),
    ("SONAR_TOKEN", "sqp_ squ_ sqa_", f"{_HEX}{{40}}", 40),
    ("SOURCEGRAPH_TOKEN", "sgp_", "(?:(?:[a-fA-F0-9]{16}|local)_)?[a-fA-F0-9]{40}", 57),
    ("CIRCLECI_TOKEN", "CCIPAT_ CCIPRJ_", f"{_B62}{{22}}_{_HEX}{{40}}", 63),
    ("BUILDKITE_TOKEN", "bkua_", f"{_HEX}{{40}}", 40),
    ("HARNESS_KEY", "pat. sat.", rf"{_URL}{{22}}\.{_B62}{{24}}\.{_B62}{{20}}", 68),
    ("OCTOPUS_KEY", "API-", "[A-Z0-9]{26}", 26),
    ("POSTMAN_KEY", "PMAK-", f"{_HEX}{{24}}-{_HEX}{{34}}", 59),
    ("README_KEY", "rdme_", "[a-z0-9]{70}", 70),
    (
        "DOPPLER_TOKEN",
        "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.",
        rf"(?:{_URL}{{2,35}}\.)?{_B62}{{40,44}}",
        80,
    ),
    ("VAULT_TOKEN", "hvs. hvb. hvr.", f"{_URL}{{24,300}}", 300),
    ("VAULT_LEGACY_TOKEN", "s.", f"{_B62}{{24}}", 24),
    ("1PASSWORD_KEY", "A3-", "[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}", 37),
    ("1PASSWORD_TOKEN", "ops_eyJ", "[A-Za-z0-9+/_-]{200,1600}={0,3}", 1603),
    ("AGE_KEY", "AGE-SECRET-KEY-1", "[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}", 58),
    # Work and talk
    ("SLACK_TOKEN", "xoxa- xoxb- xoxe- xoxe. xoxo- xoxp- xoxr- xoxs-", "[A-Za-z0-9.-]{10,250}", 250),
    ("SLACK_TOKEN", "xapp-", "[0-9]-[A-Za-z0-9-]{20,250}", 252),
    (
        "SLACK_WEBHOOK",
        "https://hooks.slack.com/ hooks.slack.com/",
        f"(?:services|workflows|triggers)/{_B64}{{36,80}}",
        90,
    ),
    (
        "DISCORD_WEBHOOK",
        "https://discord.com/api/webhooks/ https://discordapp.com/api/webhooks/",
        f"[0-9]{{16,20}}/{_URL}{{60,90}}",
        111,
    ),
    ("NOTION_TOKEN", "ntn_", f"[0-9]{{11}}{_B62}{{35}}", 46),
    ("NOTION_TOKEN", "secret_", f"{_B62}{{43}}", 43),
    ("LINEAR_KEY", "lin_api_ lin_oauth_", f"{_B62}{{32,64}}", 64),
    ("FIGMA_TOKEN", "figd_ figdr_ figoh_ figor_ figu_ figur_", f"{_URL}{{36,60}}", 60),
    ("TYPEFORM_TOKEN", "tfp_", "[A-Za-z0-9_.=-]{40,62}", 62),
    ("CONTENTFUL_TOKEN", "CFPAT-", f"{_URL}{{43,64}}", 64),
    ("FRAMEIO_TOKEN", "fio-u-", "[A-Za-z0-9_=-]{64}", 64),
    ("DROPBOX_TOKEN", "sl.", r"(?:u\.)?[A-Za-z0-9_=-]{130,1500}", 1502),
    ("ADOBE_SECRET", "p8e-", f"{_B62}{{32}}", 32),
    ("MAPBOX_TOKEN", "pk. sk.", rf"{_URL}{{50,140}}\.{_URL}{{20,24}}", 165),
    # Mail, money, shops
    ("SENDGRID_KEY", "SG.", "(?:[A-Za-z0-9_=-]{16,32}[.][A-Za-z0-9_=-]{32,64}|[A-Za-z0-9_=-]{66})", 97),
    ("SENDINBLUE_KEY", "xkeysib- xsmtpsib-", f"{_HEX}{{64}}-{_B62}{{16}}", 81),
    ("MAILGUN_KEY", "key- pubkey-", f"{_HEX}{{32}}", 32),
    ("RESEND_KEY", "re_", f"{_B62}{{8}}_{_B62}{{24}}", 33),
    ("STRIPE_KEY", "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_", f"{_B62}{{10,248}}", 248),
    ("STRIPE_WEBHOOK_SECRET", "whsec_", "[A-Za-z0-9+/=]{24,64}", 64),
    ("SQUARE_TOKEN", "sq0atp- sq0csp- sq0idp-", f"{_URL}{{22,60}}", 60),
    ("META_TOKEN", "EAA", f"{_URL}{{60,512}}", 512),  # Facebook's, and Square's access tokens
    ("RAZORPAY_KEY", "rzp_live_ rzp_test_", f"{_B62}{{14,24}}", 24),
    ("FLUTTERWAVE_KEY", "FLWSECK FLWPUBK", f"(?:_TEST)?-{_B62}{{12,32}}(?:-X)?", 40),
    ("SHOPIFY_TOKEN", "shpat_ shpca_ shppa_ shpss_ shpua_ shptka_", "[a-fA-F0-9]{32}", 32),
    ("SHIPPO_TOKEN", "shippo_live_ shippo_test_", "[a-fA-F0-9]{40}", 40),
    ("EASYPOST_KEY", "EZAK EZTK", f"{_B62}{{54}}", 54),
    ("DUFFEL_TOKEN", "duffel_test_ duffel_live_", "[A-Za-z0-9_=-]{43}", 43),
    ("SETTLEMINT_TOKEN", "sm_aat_ sm_pat_ sm_sat_", f"{_B62}{{16}}", 16),
    ("INTRA42_SECRET", "s-s4t2ud- s-s4t2af-", "[a-fA-F0-9]{64}", 64),
    # Watching
    ("NEW_RELIC_KEY", "NRAK- NRJS- NRII- NRRA- NRIQ- NRSP-", "[A-Za-z0-9-]{19,40}", 40),
    ("SENTRY_TOKEN", "sntryu_ sntrys_", f"(?:{_HEX}{{64}}|eyJ{_B64}{{20,500}}={{0,2}}_{_B64}{{43}})", 549),
    ("GRAFANA_TOKEN", "glc_ glsa_", f"(?:{_B62}{{32}}_[A-Fa-f0-9]{{8}}|{_B64}{{32,400}}={{0,3}})", 403),
    ("GRAFANA_TOKEN", "eyJrIjoi", f"{_B62}{{70,400}}={{0,3}}", 403),
    ("DYNATRACE_TOKEN", "dt0c01. dt0s01. dt0s16.", rf"{_B62}{{24}}\.{_B62}{{64}}", 89),
    ("POSTHOG_KEY", "phx_", f"{_B62}{{40,60}}", 60),
    ("DEFINED_KEY", "dnkey-", "[A-Za-z0-9=_-]{26}-[A-Za-z0-9=_-]{52}", 79),
    # Behind the exact formats: OpenRouter, DeepSeek, Moonshot, LiteLLM and whoever else begins like OpenAI.
    ("SK_KEY", "sk-", f"{_URL}{{20,220}}", 220),
)


def _tail(openings: tuple[str, ...], check: Callable[[str], bool]) -> Validator:
    """What follows the opening decides."""

    def validate(candidate: str) -> int:
        opening = next(opening for opening in openings if candidate.startswith(opening))
        return len(candidate) if check(candidate[len(opening) :]) else 0

    return validate


def _not_crossed_out(tail: str) -> bool:
    """Amazon's own example ends in EXAMPLE, and is of the format."""
    return not tail.startswith(("XXXX", "****"))


def _no_stand_in(tail: str) -> bool:
    return not stand_in(tail)


def _random(tail: str) -> bool:
    return random_looking(tail) and not stand_in(tail)


def _in_one_piece(tail: str) -> bool:
    """Letters and digits in one piece are no name; in several, they may be."""
    return (tail.isalnum() or random_looking(tail)) and not stand_in(tail)


_CHECKS = {
    "AWS_ACCESS_KEY_ID": _not_crossed_out,
    # Nothing but two letters and a sign vouches for these: `sk-spinner-fade-circle` is a class in CSS.
    "SK_KEY": _in_one_piece,
    "VAULT_LEGACY_TOKEN": _random,
    "META_TOKEN": _random,
    "VOYAGE_KEY": _random,
    "FIREWORKS_KEY": _random,
    "RESEND_KEY": _random,
}


def _issued(rule: str, opening: str, body: str, longest: int) -> Entity:
    openings = tuple(opening.split())
    spelt_out = spelt(*openings)
    return Entity(
        name="API_KEY",
        rule=rule,
        label="API_KEY",
        kind="secret",
        core=f"(?:{'|'.join(''.join(atoms) for atoms in spelt_out)}){body}",
        longest=max(map(len, openings)) + longest,
        openings=spelt_out,
        # Inside a long one, or one that may hold its own opening, no other begins: the work stays linear.
        before="[A-Za-z0-9_+/%-]" if longest >= 400 or opening == "sk-" else "[A-Za-z0-9]",
        after=r"[A-Za-z0-9_]",
        validate=_tail(openings, _CHECKS.get(rule, _no_stand_in)),
        aliases=("SECRET",),
    )


def _shaped(
    rule: str,
    core: str,
    longest: int,
    openings: tuple[tuple[str, ...], ...],
    cue: str = "",
    words: frozenset[str] = frozenset(),
    before: str = "[A-Za-z0-9]",
    after: str = "[A-Za-z0-9_]",
    sign: str = "",
) -> Entity:
    return Entity(
        name="API_KEY",
        rule=rule,
        label="API_KEY",
        kind="secret",
        core=core,
        longest=longest,
        openings=openings,
        cue=cue,
        words=words,
        sign=sign,
        before=before,
        after=after,
        aliases=("SECRET",),
    )


_DIGIT = "[0-9]"

TOKENS: tuple[Entity, ...] = (
    *(_issued(*row) for row in _ISSUED),
    # The user's number in base64: digits begin with nine pairs of characters.
    _shaped(
        "DISCORD_TOKEN",
        rf"(?:M[Tjz]|N[DTjz]|O[DT])[AEIMQUYcgk]{_URL}{{20,25}}\.{_URL}{{6,7}}\.{_URL}{{27,40}}",
        76,
        (("M", "[Tjz]", "[AEIMQUYcgk]"), ("N", "[DTjz]", "[AEIMQUYcgk]"), ("O", "[DT]", "[AEIMQUYcgk]")),
    ),
    _shaped("TWILIO_KEY", "SK[0-9a-fA-F]{32}", 34, (("S", "K", *("[0-9a-fA-F]",) * 6),)),
    _shaped(
        "AIRTABLE_TOKEN", rf"pat{_B62}{{14}}\.{_HEX}{{64}}", 82, (("p", "a", "t", *(_B62,) * 14, r"\."),)
    ),
    _shaped("TELEGRAM_TOKEN", f"[0-9]{{8,10}}:AA{_URL}{{33}}", 46, ((_DIGIT,) * 8,), sign=":AA"),
    _shaped(
        "ASANA_TOKEN",
        rf"[12]/[0-9]{{13,20}}(?:/[0-9]{{13,20}})?:{_HEX}{{32}}",
        76,
        (("[12]", "/", *(_DIGIT,) * 6),),
    ),
    _shaped("META_APP_TOKEN", rf"[0-9]{{15,16}}\|{_URL}{{27,40}}", 57, ((_DIGIT,) * 12,), sign=r"\|"),
    # The openings are in the middle; the few characters before them say nothing alone.
    _shaped(
        "AZURE_CLIENT_SECRET",
        "[0-9]Q~[A-Za-z0-9_~.-]{31,34}",
        37,
        ((_DIGIT, "Q", "~"),),
        cue="(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.]{3}",
        before="",
        after="[A-Za-z0-9_~.-]",
        sign="Q~",
    ),
    _shaped(
        "TERRAFORM_TOKEN",
        r"\.atlasv1\.[A-Za-z0-9_=-]{60,70}",
        79,
        spelt(".atlasv1."),
        cue="[A-Za-z0-9]{14}",
        before="",
        sign=r"\.atlasv1\.",
    ),
)
