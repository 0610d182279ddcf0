"""Secrets: what is one, how far it reaches, and what only looks like one."""

from __future__ import annotations

import string
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.privacy.entities import Entity
from gateway.privacy.entities.passwords import PASSWORDS
from gateway.privacy.entities.secrets import SECRETS
from gateway.privacy.entities.tokens import TOKENS
from gateway.privacy.rules import compile_rules
from gateway.privacy.search import find
from tests.privacy.entities import rows

RULES = compile_rules(SECRETS)


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for span in find(text, RULES)]


# Invented values, in the forms that code, configuration, shells, logs and prose give them.
SECRET = [
    ('my password is hunter2', ['hunter2']),
    ('the password for the staging box is Tr0ub4dor&3, please reset', ['Tr0ub4dor&3']),
    ('DB_PASSWORD=s3cr3tP@ss', ['s3cr3tP@ss']),
    ("export PGPASSWORD='xK9!mQ2z'", ['xK9!mQ2z']),
    ('"password": "Sup3rS3cret!"', ['Sup3rS3cret!']),
    ('spring.datasource.password=Wint3r2023!', ['Wint3r2023!']),
    ('postgres://admin:Zx81qwe@db.internal:5432/app', ['Zx81qwe']),
    ('mongodb+srv://svc:Pa55w0rdX@cluster0.abcde.mongodb.net/test', ['Pa55w0rdX']),
    ('redis://:9f8e7d6c5b@cache:6379/0', ['9f8e7d6c5b']),
    ('amqp://guest2:Qwe45rty@rabbit:5672/%2f', ['Qwe45rty']),
    ('mysql --user=root --password=Xy7kLm2p app', ['Xy7kLm2p']),
    ('mysql -uroot -pXy7kLm2p app', ['Xy7kLm2p']),
    ("sshpass -p 'Xy7kLm2p!' ssh root@10.0.0.5", ['Xy7kLm2p!']),
    ('docker login -u bob -p Tz8wQe4r registry.example.com', ['Tz8wQe4r']),
    ('curl -u bob:Tz8wQe4r https://x.example', ['bob:Tz8wQe4r']),
    ('Authorization: Bearer 9f86d081884c7d659a2feaa0c55ad015', ['9f86d081884c7d659a2feaa0c55ad015']),
    ('Authorization: Basic Ym9iOlR6OHdRZTRy', ['Ym9iOlR6OHdRZTRy']),
    ("headers = {'X-Api-Key': 'b3f1c2d4e5a697887766554433221100'}", ['b3f1c2d4e5a697887766554433221100']),
    ('aws_secret_access_key = kN3pQ8rT1uV5wX9yZ2aB4cD6eF7gH0iKwTsEoPq1', ['kN3pQ8rT1uV5wX9yZ2aB4cD6eF7gH0iKwTsEoPq1']),
    ('AWS_ACCESS_KEY_ID=AKIAQ3EGRIKT5PLM7XYZ', ['AKIAQ3EGRIKT5PLM7XYZ']),
    ('<password>Gh5!kLp0</password>', ['Gh5!kLp0']),
    ('password: hunter2\nuser: bob', ['hunter2']),
    ('machine api.example.com login bob password k8Jd72hs', ['k8Jd72hs']),
    ("CREATE USER bob IDENTIFIED BY 'k8Jd72hs!';", ['k8Jd72hs!']),
    ("ALTER ROLE bob WITH PASSWORD 'k8Jd72hs!';", ['k8Jd72hs!']),
    ('Server=db;User Id=sa;Password=k8Jd72hs!;Encrypt=true', ['k8Jd72hs!']),
    ('https://acct.blob.core.windows.net/c?sv=2022-11-02&sr=b&sig=Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3A%3D&se=2025', ['Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3A%3D']),
    ("-ClientSecret 'p2L8xQ7vN4mT9kR1'", ['p2L8xQ7vN4mT9kR1']),
    ('--token=p2L8xQ7vN4mT9kR1 --verbose', ['p2L8xQ7vN4mT9kR1']),
    ("const apiKey: string = 'p2L8xQ7vN4mT9kR1';", ['p2L8xQ7vN4mT9kR1']),
    ('let token: &\'static str = "p2L8xQ7vN4mT9kR1";', ['p2L8xQ7vN4mT9kR1']),
    ("client_secret => 'p2L8xQ7vN4mT9kR1'", ['p2L8xQ7vN4mT9kR1']),
    ('The API key is p2L8xQ7vN4mT9kR1.', ['p2L8xQ7vN4mT9kR1']),
    ('api key: p2L8xQ7vN4mT9kR1', ['p2L8xQ7vN4mT9kR1']),
    ('- name: SECRET_KEY\n  value: p2L8xQ7vN4mT9kR1', ['p2L8xQ7vN4mT9kR1']),
    ('https://api.example.com/v1?api_key=p2L8xQ7vN4mT9kR1&limit=10', ['p2L8xQ7vN4mT9kR1']),
    ("SECRET_KEY = 'django-insecure-w2$k9v&x1z8!q3m7@r5t0y4u6i'", ['django-insecure-w2$k9v&x1z8!q3m7@r5t0y4u6i']),
    ('{\\"api_key\\": \\"p2L8xQ7vN4mT9kR1\\"}', ['p2L8xQ7vN4mT9kR1']),
    ('**Password:** `Blue42Sky!`', ['Blue42Sky!']),
    ('pwd: Blue42Sky!', ['Blue42Sky!']),
    ('Passwort: Sommer2024!', ['Sommer2024!']),
    ('пароль: Zima2024x', ['Zima2024x']),
    ('ghp_16C7e42F292c6912E7710c838347Ae178B4a', ['ghp_16C7e42F292c6912E7710c838347Ae178B4a']),
    ('xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy', ['xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy']),
    ('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', ['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']),
    ('sk-1234abcd5678ef90a1b2c3d4e5f60718', ['sk-1234abcd5678ef90a1b2c3d4e5f60718']),
    ('_authToken=npm_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8', ['npm_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8']),
    ('"auth": "Ym9iOlR6OHdRZTRyNDU="', ['Ym9iOlR6OHdRZTRyNDU=']),
    ('PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\nPrivate-MAC: 0123456789abcdef0123456789abcdef01234567\nend', ['PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\nPrivate-MAC: 0123456789abcdef0123456789abcdef01234567']),
    ('key: -----BEGIN RSA PRIVATE KEY-----\\nMIIEpQ\\n-----END RSA PRIVATE KEY-----\\n', ['-----BEGIN RSA PRIVATE KEY-----\\nMIIEpQ\\n-----END RSA PRIVATE KEY-----']),
    ('123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0', ['123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0']),
    ('private_key = "kN3pQ8rT1uV5wX9yZ2aB4cD6eF7gH0iJ"', ['kN3pQ8rT1uV5wX9yZ2aB4cD6eF7gH0iJ']),
    ('login: bob\npass: k8Jd72hs', ['k8Jd72hs']),
    ('username bob password Blue42Sky!', ['Blue42Sky!']),
    ('Your one-time password is 829134', ['829134']),
    ('PIN: 4821', ['4821']),
]  # fmt: skip

# Placeholders, names, hashes, places and code: nothing of it opens a door.
NO_SECRET = [
    'password: ${DB_PASSWORD}',
    'password = os.environ["DB_PASSWORD"]',
    'password = os.getenv("DB_PASSWORD", "")',
    'password=$PASSWORD',
    'password: {{ .Values.db.password }}',
    'password: "{{ vault_db_password }}"',
    '"password": "<your-password>"',
    'password: changeme',
    'password = "password"',
    'password = getpass.getpass("Password: ")',
    'password = request.form["password"]',
    'password = user.password',
    'password: string;',
    'password: str = Field(min_length=8)',
    'self.password = password',
    'if password != confirm_password:',
    'const { password } = req.body',
    'const password = await bcrypt.hash(req.body.password, 10)',
    'password_field = "id_password"',
    '"password": "Passwort"',
    '"forgotPassword": "Forgot your password?"',
    '"passwordPlaceholder": "Enter your password"',
    '<input type="password" name="password" id="password" autocomplete="current-password">',
    'errors.password = "Password must be at least 8 characters"',
    'password must contain 8 characters',
    'my password is not working',
    'my password is incorrect',
    'The password is too short',
    'I forgot my password, help2',
    'password reset link',
    'passwords = ["a", "b"]',
    'api_key = "YOUR_API_KEY"',
    'api_key: <API_KEY>',
    'api_key="sk-xxxxxxxxxxxxxxxxxxxxxxxx"',
    'OPENAI_API_KEY=sk-...',
    'OPENAI_API_KEY=your-openai-api-key-here',
    'export OPENAI_API_KEY="your_api_key_here_1234567"',
    'api_key = config.get("api_key")',
    'apiKey: process.env.OPENAI_API_KEY,',
    'client = OpenAI(api_key=os.environ.get("OPENAI_API_KEY"))',
    'api_key=settings.openai_api_key_v2',
    'token = get_token()',
    'token: accessToken2,',
    'token = jwt.encode(payload, SECRET, algorithm="HS256")',
    'token_type = "bearer"',
    'tokenizer = AutoTokenizer.from_pretrained("gpt2-medium")',
    'max_tokens: 4096',
    '"max_tokens": 128000,',
    '"total_tokens": 123456789',
    '"prompt_tokens": 13, "completion_tokens": 7',
    'eos_token: "<|endoftext|>"',
    'pad_token_id: 50256',
    '"next_page_token": "CAUQAA"',
    'csrf_token: 8f14e45fceea167a5a36dedd4bea2543',
    'secretName: my-app-tls-2023',
    'secretKeyRef:',
    '  name: db-credentials',
    '  key: password',
    'secret: my-secret-name',
    'kind: Secret',
    'metadata:',
    '  name: app-secret-v2',
    'key: "some.translation.key2"',
    '"key": "value1"',
    'cache_key = f"user:{user_id}:profile"',
    'primary_key=True',
    'primaryKey: "user_id_2"',
    'foreign_key: users.id',
    'public_key = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA"',
    'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7 bob@host',
    'integrity sha512-uccz1p2eJq2Z5sYh1cVwBvSyyMPVZ8ghyZtVOvYlbZPZhOAmdh+hYCdvnN0hTwUgjzu7NG9iB4TZ8QOmpGqyqw==',
    '"integrity": "sha512-uccz1p2eJq2Z5sYh1cVwBvSyyMPVZ8ghyZtVOvYlbZPZhOAmdh+hYCdvnN0hTwUgjzu7NG9iB4TZ8QOmpGqyqw=="',
    'resolved "https://registry.yarnpkg.com/lodash/-/lodash-4.17.21.tgz#679591c564c3bffaae8454cf0b3df370c3d6911c"',
    'golang.org/x/crypto v0.17.0 h1:r8bRNjWL3GshPW3gkd+RpvzWrZAwPS49OmTGZ/uhM4k=',
    'commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904',
    'Author: Bob <bob@example.com>',
    'index 83db48f..bf269f4 100644',
    'sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'image: nginx@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    '"id": "550e8400-e29b-41d4-a716-446655440000"',
    'request_id=550e8400-e29b-41d4-a716-446655440000 status=200',
    '"user_id": "usr_2f8a9b7c6d5e4f3a"',
    'trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7',
    'session_id: 550e8400-e29b-41d4-a716-446655440000',
    'etag: "33a64df551425fcc55e4d42a148795d9f25f89d4"',
    'background: url(data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk)',
    '.sk-spinner-pulse-circle-fade { animation: sk-rotate 1s }',
    '.btn-primary:hover{color:#fff;background-color:#0069d9}',
    'password_hash = hashlib.sha256(password.encode()).hexdigest()',
    'at com.example.auth.TokenService.validate(TokenService.java:142)',
    'File "/usr/lib/python3.11/site-packages/jwt/api_jwt.py", line 168, in decode',
    'resource "aws_secretsmanager_secret" "db_password2" {',
    '  + password = (sensitive value)',
    '  ~ password = (known after apply)',
    'arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf',
    'secret_arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf"',
    'secretsmanager_secret_id = aws_secretsmanager_secret.db.id',
    'key_name = "my-keypair-2023"',
    'aws_key_pair.deployer2.key_name',
    'kms_key_id = "1234abcd-12ab-34cd-56ef-1234567890ab"',
    'AccessKeyId: "AKIAXXXXXXXXXXXXXXXX"',
    'auth: { type: "oauth2", flow: "authorizationCode" }',
    'authorization_url: https://auth.example.com/oauth2/authorize',
    'token_url = "https://auth.example.com/oauth2/token"',
    'tokenEndpoint: https://auth.example.com/oauth2/v2.0/token',
    'credentials: include',
    "credentials: 'same-origin'",
    'credentials=credentials',
    "auth = HTTPBasicAuth('user', 'pass')",
    'auth=("user", "pass")',
    'Authorization: Bearer <token>',
    'Authorization: Bearer ${TOKEN}',
    'Authorization: Bearer YOUR_ACCESS_TOKEN',
    '"Authorization": f"Bearer {token}"',
    'headers["Authorization"] = "Bearer " + token',
    '-H "Authorization: Bearer $OPENAI_API_KEY"',
    '-H "x-api-key: $ANTHROPIC_API_KEY"',
    'Bearer token authentication is required',
    'curl -u user:password https://example.com',
    'curl -u "$USER:$PASS" https://example.com',
    'curl -u username:token https://example.com',
    'docker run -u 1000:1000 alpine',
    'docker run --user node:node app',
    'docker run -p 8080:80 -v /data:/data nginx',
    'https://user:password@example.com',
    'postgres://user:pass@localhost:5432/db',
    'postgresql://postgres:postgres@localhost:5432/postgres',
    'http://localhost:8080/path@2x',
    'https://example.com:8443/@user/page',
    'git@github.com:org/repo.git',
    'ssh://git@github.com:22/org/repo.git',
    'ssh -i ~/.ssh/id_rsa ubuntu@10.0.0.1 -p 2222',
    '-----BEGIN PUBLIC KEY-----',
    'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A',
    '-----END PUBLIC KEY-----',
    '-----BEGIN CERTIFICATE-----',
    'MIIDdzCCAl+gAwIBAgIEAgAAuTANBgkq',
    '-----END CERTIFICATE-----',
    'if line.startswith("-----BEGIN RSA PRIVATE KEY-----"):',
    'The file begins with -----BEGIN PRIVATE KEY----- and ends with',
    'pass: 12, fail: 3',
    'Pass: 100% (12345 tests)',
    'tests pass: test_login2, test_logout3',
    'pass@k: 0.853',
    'license: MIT',
    'license_key: null',
    '"secret": null',
    '"secret": true',
    '"token": ""',
    '"access_token": "string"',
    '"refresh_token": "eyJ..."',
    '"token": "abc123"',
    '"password": "********"',
    'password=[FILTERED]',
    'password: [REDACTED]',
    'Set-Cookie: lang=en-US; Path=/',
    '<Key>photos/2023/12/IMG_1234.jpg</Key>',
    'storage_key: uploads/2023/12/report-v2.pdf',
    's3_key = "data/2024-01-01/part-0001.parquet"',
    'row_key="customer#12345"',
    'partition_key: tenant_42_orders',
    'idempotency_key: 550e8400-e29b-41d4-a716-446655440000',
    'keyboard_shortcut: ctrl+shift+p2',
    'monkey: george123',
    'api_version: 2023-10-01-preview',
    'apiVersion: apps/v1',
    'app_key_prefix: myapp_v2',
    'private_key_path: /etc/ssl/private/server2.key',
    'private_key_file="~/.ssh/id_ed25519"',
    'ssl_key: /etc/nginx/ssl/server.key',
    'key_vault_name: kv-prod-weu-01',
    'tokens_per_second: 45.67',
    '"secretVersion": "v1.2.3"',
    'jwt_algorithm = "RS256"',
    'jwt_secret_length: 256',
    'signing_key_id: 2023-10-prod',
    'encryption: AES256',
    'encryption_key_size: 256',
    'auth_method: scram-sha-256',
    'password_encryption = scram-sha-256',
    "token: {name: 'access_token', type: 'string'}",
    'pwd: /home/bob/projects/app2',
    'PWD=/home/runner/work/app2',
    'OLDPWD=/var/lib/app2',
    'pwd',
    'cd $(pwd)/build2',
    'print(f"Token: {token[:8]}...")',
    'console.log(`token: ${token}`)',
    'SELECT password_hash, token2 FROM users',
    'password varchar(255) NOT NULL',
    '"token" character varying(64)',
    'def verify_password(plain_password: str, hashed_password: str) -> bool:',
    'async function login(username: string, password: string): Promise<User>',
    'func NewClient(apiKey string, baseURL string) *Client {',
    'fn connect(token: &str, secret: Option<String>) -> Result<()> {',
    'private static final String PASSWORD = "password";',
    '@Value("${app.jwt.secret}") private String jwtSecret;',
    'token = Token.objects.get(user=user1)',
    'token = tokens[i+1]',
    'secret = secrets.token_hex(32)',
    "secret = crypto.randomBytes(64).toString('hex')",
    'SECRET_KEY = env("SECRET_KEY")',
    'SECRET_KEY = get_random_secret_key()',
    'api_key = st.text_input("API key", type="password")',
    'ApiKeyAuth: type: apiKey in: header name: X-API-Key',
    'X-Api-Key: {{apiKey}}',
    '"apiKey": "%API_KEY%"',
    'api-key: my-service-account-name',
    'the token is stored in redis2',
    'the key is in vault/prod2',
    'our secret is simplicity',
    'This secret is kept in AWS',
    'i lost my access token yesterday',
    'password:1 lower, 1 upper, 1 digit',
    'User password policy: min 12 characters',
    'Invalid password for user bob2',
    'ERROR: password authentication failed for user "postgres"',
    'authentication=SCRAM-SHA-256',
    'auth=plain',
    'author: bob123',
    'authority: https://login.microsoftonline.com/common2',
    'pw = PlaywrightPage2(page)',
    'with sync_playwright() as pw:',
    'creds = Credentials.from_authorized_user_file("token.json")',
    'credentials_path: ./service-account2.json',
    'GOOGLE_APPLICATION_CREDENTIALS=/secrets/key2.json',
    'client_secret_basic',
    '"token_endpoint_auth_method": "client_secret_post"',
    '"client_secret_expires_at": 1577858400',
    '"expires_in": 3600, "token_type": "Bearer"',
    'x-amz-security-token',
    'nonce="r4nd0m123abc456def"',
    'gpg: key 3AA5C34371567BD2 marked as ultimately trusted',
    'SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8',
    '"kid": "1b94c3d0f4a6e8b2"',
    '<SignatureValue>kN3pQ8rT1uV5wX9yZ2aB4cD6</SignatureValue>',
    'v-if="token" :key="item.id2"',
    ':key="`row-${index}`"',
    'key={`item-${id}`}',
    '<KeyboardAvoidingView behavior={"padding2"} />',
    'data-testid="password-input2"',
    'aria-label="Show password"',
    'i18n.t("auth.password.reset2")',
    'label: "API Key (v2)"',
    'placeholder="sk-..."',
    'help="Your API key, e.g. abc123"',
    '"token": "access_token_v2"',
    'Token: NAME OP NUMBER2 NEWLINE',
    'Unexpected token \'<\', "<!DOCTYPE "... is not valid JSON',
    'SyntaxError: Unexpected token u2 in JSON at position 0',
    "token: 'punctuation.definition.string.begin2'",
    'scope=openid profile email',
    'AuthenticationError: Incorrect API key provided: sk-proj-********************1234',
    'api_key=EMPTY',
    'api_key="ollama"',
    'api_key="not-needed"',
    'api_key="lm-studio"',
    'api_key="dummy-key-123"',
    'token = "fake-token-for-tests-1"',
    'TEST_TOKEN = "test-token-abc"',
    'SECRET = "s3cr3t" ',
    "sk-ant-api03-abc123xyz-456def-klmnopqrstuvwx-3456yza",
    "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xoxb-your-bot-token-goes-here",
    "glpat-REPLACE_WITH_YOUR_TOKEN",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
    "postgres://user:${DB_PASS}@db/app",
    "https://bob:<token>@github.com/org/repo",
    "begin with PuTTY-User-Key-File",
]  # fmt: skip


@pytest.mark.parametrize(("text", "secrets"), SECRET)
def test_a_secret_is_found_and_nothing_around_it(text: str, secrets: list[str]) -> None:
    assert found(text) == secrets


@pytest.mark.parametrize("text", NO_SECRET)
def test_what_opens_no_door_is_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("entity", TOKENS, ids=rows.named)
def test_a_token_is_found_by_its_own_form(entity: Entity) -> None:
    for cue, token in rows.matches(entity):
        assert found(f"see {cue}{token} there") == [token], token


def test_every_way_to_name_a_password_or_a_token_is_a_word_to_wait_for() -> None:
    for entity in PASSWORDS:
        assert entity.words or entity.sign, entity.rule


made = st.text(string.ascii_letters + string.digits, min_size=20, max_size=64).filter(
    lambda text: (
        sum(c.isdigit() for c in text) >= 4 and sum(c.isalpha() for c in text) >= 4 and len(set(text)) > 12
    )
)
names = st.sampled_from(
    ["API_KEY", "apiKey", "access_token", "accessToken", "client_secret", "githubToken", "STRIPE_SECRET_KEY",
     "x-api-key", "auth_token", "signing-key", "slack.bot.token", "openai_api_key", "refreshToken"]
)  # fmt: skip
assignments = st.sampled_from(
    ["{n}={v}", "{n} = {v}\n", "{n}: {v}", '{n} = "{v}"', "{n}: '{v}',", '"{n}": "{v}"', "{n} := `{v}`",
     '"{n}" => "{v}",', "export {n}={v};", "--{n}={v} x", "--{n} {v}", "<{n}>{v}</{n}>", 'set("{n}", "{v}")',
     "my {n} is {v}, keep it", '\\"{n}\\": \\"{v}\\"', "- name: {n}\n  value: {v}", "x?{n}={v}&y=1"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(made, names, assignments)
def test_a_random_value_is_found_in_every_form_of_assignment(value: str, name: str, form: str) -> None:
    assert found(form.format(n=name, v=value)) == [value]


words = st.sampled_from(
    "user session handler request response config factory service manager default public index render update "
    "account profile message template project storage builder context option".split()
)
identifiers = st.tuples(
    st.lists(words, min_size=1, max_size=4),
    st.sampled_from(["_", "-", ".", "camel"]),
    st.sampled_from(["", "2", "10"]),
).map(
    lambda parts: (
        ("".join(word.title() for word in parts[0]) if parts[1] == "camel" else parts[1].join(parts[0]))
        + parts[2]
    )
)


@settings(max_examples=150, deadline=None)
@given(identifiers, names, assignments)
def test_a_name_made_of_words_is_no_token(value: str, name: str, form: str) -> None:
    assert found(form.format(n=name, v=value)) == []


@settings(max_examples=50, deadline=None)
@given(st.from_regex(r"[a-z]{3,8}", fullmatch=True), st.from_regex(r"[A-Za-z0-9!]{6,12}", fullmatch=True))
def test_basic_authentication_is_base64_of_a_name_and_a_password(user: str, secret: str) -> None:
    value = b64encode(f"{user}:{secret}".encode()).decode()
    assert found(f"Authorization: Basic {value}") == [value]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\\n", "\\\\n"])
@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
def test_a_private_key_goes_from_header_to_footer(kind: str, newline: str) -> None:
    lines = [f"-----BEGIN {kind}PRIVATE KEY-----", "MIIEowIBAAKCAQEA", f"-----END {kind}PRIVATE KEY-----"]
    key = newline.join(lines)
    assert found(f'{{"private_key": "{key}{newline}", "x": 1}}') == [key]


def test_a_private_key_without_its_end_goes_to_the_end_of_the_text() -> None:
    assert found("x -----BEGIN PGP PRIVATE KEY BLOCK-----\nlQWG\nrest") == [
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQWG\nrest"
    ]
