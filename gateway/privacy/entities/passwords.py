"""Secrets that only their context gives away: what stands behind a name such as `password` or `api_key`.

One vocabulary of names, one grammar of assignments, one check of the value's shape for each of the two kinds
of secrets, those that people make up and those that machines do. Then what has a grammar of its own: headers,
URLs, command lines. A value in quotes may hold any sign; a bare one ends where code, YAML, shells and prose
end a value.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable

from gateway.privacy.entities.entity import LEFT_CONTEXT, Entity, Validator
from gateway.privacy.entities.entropy import password, placeholder, stand_in, token

# --- names ----------------------------------------------------------------------------------------------
#
# A name is one word (a run of letters) or ends in one: the words are what the engine looks for, so every way
# to run them together, `githubToken` or `dbpassword`, is in the vocabulary, and no other is a name.

_VENDORS = """
    adafruit adobe airtable algolia alibaba aliyun amplitude anthropic artifactory asana assemblyai
    atlassian aws azure beamer bintray bird bitbucket bittrex braintree buildkite censys circleci
    clickhouse cloudant cloudflare cloudinary codecov cohere coinbase confluent contentful databricks
    datadog deepgram deepseek discord dnkey docker dockerhub doppler drone droneci dropbox duffel
    dynatrace elastic elevenlabs etsy facebook fastly fb figma finicity finnhub firebase fireworks flickr
    fly flyio freshbooks gcp gemini github gitlab gitter gocardless google grafana groq harness hashicorp
    heroku honeycomb hubspot huggingface ibm infracost instagram intercom jenkins jfrog jira jwt kraken
    kubernetes kucoin langchain langfuse langsmith launchdarkly linear linkedin lob logdna looker
    mailchimp mailchimpe mailgun mailjet mapbox mattermost maxmind meraki messagebird messenger microsoft
    mistral mixpanel mongo mongodb mysql netlify newrelic neon notion npm nuget nytimes okta openai
    openrouter opsgenie pagerduty paypal perplexity pinecone plaid planetscale postgres postman posthog
    prefect privateai pulumi pusher pypi railway rapidapi readme redis relic render replicate rollbar
    rubygems salesforce scalingo segment sendbird sendgrid sendinblue sentry settlemint shippo shodan
    shopify sidekiq slack snowflake snyk sonar sourcegraph splunk spotify square squarespace stripe sumo
    sumologic supabase tailscale telegram telegr terraform together travis travisci trello twilio twitch
    twitter typeform vault vercel virustotal voyage wandb weather xai xray yandex zapier zendesk
""".split()
# `api_key` is a secret; `primary_key`, `cache_key` and `public_key` are not.
_KEY_OF = """
    access account activation admin aes api app application auth bot cipher client consumer cookie crypto
    cloud decryption deploy encryption encrypt hmac iam license licence master private recovery root
    secret security server service session shared signing storage subscription webhook write
""".split()
_OWNERS = """
    my the new old iam db user root id bearer refresh oauth login web device push personal access api app
    auth bot client session service secret private shared signing master admin webhook deploy mail smtp
    ftp pg ssh sso bind
""".split()
_MADE = (
    "secret token apikey apitoken accesstoken authtoken accesskey secretkey clientsecret appsecret".split()
)
_CHOSEN = "password passwd passwort passphrase passcode passwrd passw pass pwd pswd pw".split()

_BEFORE = tuple(dict.fromkeys((*_VENDORS, *_OWNERS)))
_BEFORE_KEY = tuple(dict.fromkeys((*_VENDORS, *_KEY_OF)))


def _alternatives(words: Iterable[str]) -> str:
    return "|".join(words)


def _compounds(before: Iterable[str], stems: Iterable[str]) -> set[str]:
    stems = tuple(stems)
    return {*stems, *(first + stem for first in before for stem in stems)}


_A_COMPOUND = rf"(?<![a-z])(?:{_alternatives(_BEFORE)})?"
# What a token is of is no secret where the name says so: a page, a form.
_NOT_OF = r"(?<!csrf.)(?<!xsrf.)(?<!page.)(?<!public.)(?<!authenticity.)(?<!continuation.)"
_MADE_NAME = (
    rf"(?:{_NOT_OF}{_A_COMPOUND}(?:{_alternatives(_MADE)})|"
    rf"(?<![a-z])(?:{_alternatives(_BEFORE_KEY)})[ _.-]?(?:(?:cloud|iam)[ _.-]){{0,2}}key|"
    r"(?<![a-z])(?:credentials?|creds|auth|authorization)|sonar[_.]login)(?![a-z])"
)
_MADE_WORDS = _compounds(_BEFORE, _MADE) | _compounds(_BEFORE_KEY, ["key"])
_MADE_WORDS |= {"credential", "credentials", "creds", "auth", "authorization", "login"}
_CHOSEN_NAME = (
    rf"(?:{_A_COMPOUND}(?:{_alternatives(_CHOSEN)})|"
    r"(?<![a-z])(?:identified by|kennwort|contraseña|mot de passe|senha|wachtwoord))(?![a-z])"
)
_CHOSEN_WORDS = _compounds(_BEFORE, _CHOSEN) | {
    "identified",
    "kennwort",
    "contrase",
    "passe",
    "senha",
    "wachtwoord",
}
# An ending that leaves a name what it is: `password2`, `TOKEN_PROD`.
_ENDING = r"(?:[ _-]?[0-9]{1,2}|[ _-](?:token|prod|production|dev|staging|live|value|base64|b64))?"

# --- what stands between a name and its value -----------------------------------------------------------

_CLOSE = r"(?:\\{0,3}[\"'`]|[\])}]|\*\*){0,2}"  # the name's quote, bracket or emphasis
_TYPE = (
    r"(?:(?:\s?:\s?|\s)&?(?:'?static )?(?:str|string|char|auto|secretstr|any|text|varchar)[\]\[*?]{0,2}|"
    r"\[[0-9]{0,4}\])?"
)
_EQUALS = r"(?:=>|:{0,3}=|[?.+]=|={2,3}|!={1,2}|:)"
_FOR = r"(?:\s(?:for|to|of|on|at|is)(?:\s[\w.@'-]{1,14}){1,3})?"
_IS = rf"{_FOR}\s(?:is|was|to|=)(?:\snow|\sstill|\sactually|\sjust)?:?\s"
_THEN_VALUE = r",?\s{1,24}[\"']?value[\"']?\s?[=:]"  # <add key="Password" value=…, - name: TOKEN⏎ value: …
_ASSIGN = rf"{_CLOSE}(?:{_TYPE}\s{{0,8}}{_EQUALS}(?:\*\*)?\s{{0,8}}|{_IS}\s?|{_THEN_VALUE}\s?)"
_ARGUMENT = r"[\"'`],\s{0,8}"  # setProperty("X_TOKEN", "…")
_QUOTE = r"(?:[brul@$]{0,2}\\{0,3}[\"'`]{1,3}|«|“)"
_TAG = r"[^<>\n]{0,16}>\s{0,12}"  # <token>…

# --- values -----------------------------------------------------------------------------------------------

_LONGEST = 400
_IN_QUOTES = rf"[^\s\"'`<>\\]{{5,{_LONGEST}}}"
_AFTER_QUOTED = r"[^\"'`\\»”]"
_BEFORE_QUOTED = r"[^\"'`«“]"
_BARE = rf"[$A-Za-z0-9@!~\^_+/.-][$A-Za-z0-9&@#!~\^*_+/.?=%:-]{{4,{_LONGEST - 1}}}"
_AFTER_BARE = r"[$A-Za-z0-9@#!~\^*_+/.?=%:(\[{-]"  # a call, an index, a template
_BEFORE_BARE = r"[^\s=:>*]"
_VALUE_START = ((r"[^\s\"'`<>\\]",),)

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*(?:(?:\.|->|::|\?\.)[A-Za-z_$][A-Za-z0-9_$]*)+")
_VARIABLE = re.compile(
    r"(?i)[a-z_]*(?:arg|param|var|val|user|pass|pw|pwd|input|field|item|name|text|data|temp|tmp|result|res|resp|"
    r"word|part|group|match|file|line|hash|sha|md|base|utf|bcrypt|argon|oauth|node|python)_?[0-9]{1,3}|"
    r"[a-z]{2,}(?:_[a-z]{2,})+_?[0-9]{0,3}"
)


_NEXT_FIELD = re.compile(r"&\w+=")  # in a query, in a form


def _value(check: Callable[[str], bool], ends_a_sentence: bool = False) -> Validator:
    def validate(candidate: str) -> int:
        value = _NEXT_FIELD.split(candidate, maxsplit=1)[0]
        if ends_a_sentence:
            value = value.rstrip(".,:;?")
        return len(value) if check(value) else 0

    return validate


def bare_token(value: str) -> bool:
    """Without quotes it may also be code: a name with dots, a call's name."""
    return token(value) and not _IDENTIFIER.fullmatch(value)


def bare_password(value: str) -> bool:
    """Without quotes it may also be code: a variable, with a number at its end even."""
    return password(value) and not _IDENTIFIER.fullmatch(value) and not _VARIABLE.fullmatch(value)


def authorization(value: str) -> bool:
    """RFC 9110 section 11.4: the credentials after the scheme's name."""
    return token(value) and not value.startswith("AWS4-HMAC")


def basic(candidate: str) -> int:
    """RFC 7617: base64 of a user's name, a colon and a password."""
    try:
        decoded = base64.b64decode(candidate + "=" * (-len(candidate) % 4), validate=True)
    except binascii.Error:
        return 0
    return len(candidate) if (b":" in decoded and decoded.isascii()) or len(candidate) >= 24 else 0


def user_and_password(candidate: str) -> int:
    """`user:password`, where neither is a placeholder, a number or a group's name."""
    user, _, secret = candidate.partition(":")
    secret = secret.strip("\"'")
    if secret == user or stand_in(user) or stand_in(secret):
        return 0
    longer = secret or user
    wordy = longer.isalpha() and longer.islower() and len(longer) < 10
    return 0 if len(longer) < 4 or longer.isdigit() or wordy else len(candidate)


_SCHEMES = """
    http https ftp ftps sftp ssh postgres postgresql mysql mariadb mongodb srv redis rediss amqp amqps
    mssql sqlserver oracle clickhouse ldap ldaps smtp smtps imap imaps nats kafka mqtt mqtts ws wss
    cloudinary elasticsearch bolt neo couchdb psycopg asyncpg pymysql aiomysql
""".split()
# What images and manuals come with; everybody knows them.
_DEFAULTS = frozenset("admin guest minioadmin mysql postgres redis root".split())


def url_password(candidate: str) -> int:
    """RFC 3986 section 3.2.1: userinfo ends before the at sign."""
    secret = candidate[:-1]
    return 0 if secret in _DEFAULTS or placeholder(secret) else len(secret)


def seed_phrase(candidate: str) -> int:
    """BIP 39: 12, 15, 18, 21 or 24 words; prose repeats itself sooner."""
    words = candidate.split(" ")
    return len(candidate) if len(set(words)) >= len(words) - 1 else 0


def signature(value: str) -> bool:
    """An HMAC-SHA256 in base64, percent-encoded as in a link or not: 43 characters and a sign of equality."""
    return len(value) >= 43 and token(value)


# --- rows -------------------------------------------------------------------------------------------------


def _row(
    rule: str,
    cue: str,
    core: str,
    validate: Validator,
    words: Iterable[str],
    before: str = _BEFORE_BARE,
    after: str = _AFTER_BARE,
    longest: int = _LONGEST,
    openings: tuple[tuple[str, ...], ...] = _VALUE_START,
    sign: str = "",
    within: int = LEFT_CONTEXT,
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
        words=frozenset(words),
        within=within,
        sign=sign,
        before=before,
        after=after,
        validate=validate,
        aliases=("SECRET",),
    )


def _assigned(
    rule: str, name: str, words: Iterable[str], quoted: Validator, unquoted: Validator
) -> tuple[Entity, Entity]:
    in_quotes = rf"(?i:{name}{_ENDING}(?:{_ASSIGN}|{_ARGUMENT}|{_CLOSE}\s){_QUOTE})"
    bare = rf"{name}{_ENDING}{_ASSIGN}|<[a-z0-9:._-]{{0,16}}{name}{_TAG}"
    flag = rf"(?:(?<![a-z0-9])--?|(?:login|user|username)\s\S{{1,24}}\s)[a-z0-9_.-]{{0,20}}{name}\s"
    return (
        _row(rule, in_quotes, _IN_QUOTES, quoted, words, before=_BEFORE_QUOTED, after=_AFTER_QUOTED),
        _row(rule, rf"(?i:{bare}|{flag})", _BARE, unquoted, words),
    )


_BASE64 = "[A-Za-z0-9+/]"
_TOKEN68 = "[A-Za-z0-9_=~@.+/-]"

PASSWORDS: tuple[Entity, ...] = (
    _row(
        "BASIC_AUTH",
        r"(?i:\bbasic\s)",
        _BASE64 + "{8,512}={0,2}",
        basic,
        ["basic"],
        within=6,
        before=r"\S",
        after=r"[A-Za-z0-9+/=]",
        longest=514,
        openings=((_BASE64,) * 6,),
    ),
    _row(
        "AUTHORIZATION",
        rf"(?i:\bbearer\s|(?<![a-z])authorization{_CLOSE}\s?[:=]\s{{0,4}}{_QUOTE}?"
        r"(?:bearer\s|token\s|apikey\s|api-token\s|flyv1\s)?)",
        _TOKEN68 + "{8,512}",
        _value(authorization, True),
        ["bearer", "authorization"],
        before=r"[^\s:=\"'`]",
        after=r"[$A-Za-z0-9_=~@+/(\[{-]",
        longest=512,
        openings=((_TOKEN68,) * 6,),
    ),
    *_assigned("PASSWORD", _CHOSEN_NAME, _CHOSEN_WORDS, _value(password), _value(bare_password, True)),
    *_assigned("SECRET", _MADE_NAME, _MADE_WORDS, _value(token), _value(bare_token, True)),
    # Words of other scripts are no words that could be waited for: a letter that each of them has is.
    _row(
        "PASSWORD",
        rf"(?:[Пп]ароль|密[码碼]|パスワード|비밀번호)(?:\s?[:：=]\s{{0,4}}|は|是|\s?[-–—]\s?){_QUOTE}?",
        _BARE,
        _value(bare_password, True),
        (),
        before=r"[^\s:：=は是–—\"'`«“-]",
        sign="[л密パ비]",
    ),
    _row(
        "SIDEKIQ_KEY",
        rf"(?i:(?<![a-z])contribsys__com(?:_?token)?{_ASSIGN}{_QUOTE}?)",
        "[a-f0-9]{8}:[a-f0-9]{8}",
        len,
        ["contribsys"],
        before=r"[^\s=:>*\"'`]",
        longest=17,
        openings=(("[a-f0-9]",) * 6,),
    ),
    _row(
        "CURL_USER",
        r"\s(?:-u|--user|--proxy-user|-U)[ =]{1,3}[\"']?",
        r"[^\s\"'`<>\\:|;&]{0,64}:(?:\"[^\"\s]{1,126}\"|'[^'\s]{1,126}'|[^\s\"'`<>\\|;&]{0,128})",
        user_and_password,
        ["u", "user"],
        within=8,
        before=r"[^\s=\"']",
        after="",
        longest=193,
    ),
    _row(
        "URL_PASSWORD",
        rf"(?<![A-Za-z])(?i:{_alternatives(_SCHEMES)})[0-9]?://[^\s/@:\"'<>?#]{{0,40}}:",
        r"[^\s/@\"'<>]{1,128}@",
        url_password,
        _SCHEMES,
        before="[^:]",
        after=r"[\s\"'<>]",
        longest=129,
        openings=((r"[^\s/@\"'<>]",),),
    ),
    _row(
        "CLI_PASSWORD",
        r"(?<![A-Za-z])(?:mysql(?:dump|admin)?|mariadb|sshpass|(?:docker|podman|registry) login)(?![A-Za-z])"
        r"[^\n|;&]{0,36}\s-p\s?[\"']?",
        _BARE,
        _value(bare_password),
        ["mysql", "mysqldump", "mysqladmin", "mariadb", "sshpass", "login"],
        before=r"[^p\s\"']",
    ),
    _row(
        "PIN",
        r"(?:\bPIN|\b(?i:my|your|the|card|atm|sim|door|gate|alarm) pin)"
        r"(?i:\s(?:code|number))?(?i:\sis|\swas|:)\s",
        "[0-9]{8}|[0-9]{4,5}",  # six are a postal code in India, where that is a PIN too
        len,
        ["pin"],
        within=15,
        before=r"\S",
        after="[A-Za-z0-9:/.-]",
        longest=8,
        openings=(("[0-9]",) * 4,),
    ),
    _row(
        "SEED_PHRASE",
        r"(?i:\b(?:seed|recovery|mnemonic)(?: phrase| words)?(?:\sis|:|=)\s?[\"'`]?)",
        "[a-z]{3,8}(?: [a-z]{3,8}){11,23}",
        seed_phrase,
        ["seed", "recovery", "mnemonic"],
        before=r"[^\s:=\"'`]",
        after="[A-Za-z]",
        longest=215,
        openings=(("[a-z]",) * 3,),
    ),
    _row(
        "SAS_SIGNATURE",
        r"[?&;](?:amp;)?sig=",
        r"[A-Za-z0-9%+/]{40,80}(?:=|%3[Dd])?",
        _value(signature),
        ["sig"],
        within=4,
        before="[^=]",
        after=r"[A-Za-z0-9%+/=]",
        longest=83,
        openings=((r"[A-Za-z0-9%+/]",) * 6,),
    ),
)
