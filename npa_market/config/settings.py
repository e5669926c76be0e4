"""All settings: every one has a working embedded default and comes from the environment.

`NPA_MODE=production` switches the defaults that an exposed server needs; there the secrets have no
default and a missing one stops the start.
"""

import logging
import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
import structlog
from csp.constants import NONE, SELF

BASE_DIR = Path(__file__).resolve().parents[2]
env = environ.Env()

PRODUCTION = env.str("NPA_MODE", default="embedded") == "production"
DEBUG = env.bool("DEBUG", default=False)
VAR_DIR = Path(env.str("NPA_VAR", default=str(BASE_DIR / "var")))


def secret(name: str, embedded_default: str) -> str:
    """A secret from the environment; embedded mode alone has a default, known to everybody."""
    return env.str(name) if PRODUCTION else env.str(name, default=embedded_default)


SECRET_KEY = secret("SECRET_KEY", "embedded-only-secret-key-for-demo-and-tests-0123456789abcdef")
# Personal-data keys, 32 bytes in hex, live outside the database (personal-data rules).
VAULT_KEY = secret("NPA_VAULT_KEY", "11" * 32)
BLIND_INDEX_KEY = secret("NPA_BLIND_INDEX_KEY", "22" * 32)
TOKEN_KEY = secret("NPA_TOKEN_KEY", "33" * 32)
# Signs receipts and checkpoints of the venue: an Ed25519 seed, 32 bytes in hex.
SIGNING_KEY = secret("NPA_SIGNING_KEY", "44" * 32)
VAULT_KEY_ID = env.str("NPA_VAULT_KEY_ID", default="k1")

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", "testserver"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "npa_market.common",
    "npa_market.parties",
    "npa_market.evidence",
    "npa_market.ledger",
    "npa_market.tapes",
    "npa_market.packages",
    "npa_market.valuation",
    "npa_market.diligence",
    "npa_market.auctions",
    "npa_market.transfers",
    "npa_market.settlement",
    "npa_market.portal",
    "whitenoise.runserver_nostatic",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_filters",
    "django_fsm",
    "django_htmx",
    "django_structlog",
    "django_tables2",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "js_lib_vega_embed",
    "knox",
    "rest_framework",
    "rules.apps.AutodiscoverRulesConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "npa_market.auctions.middleware.PulseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "npa_market.parties.middleware.ActingOrganisationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "npa_market.config.urls"
CSRF_FAILURE_VIEW = "npa_market.portal.errors.csrf_failure"
ASGI_APPLICATION = "npa_market.config.asgi.application"
# Of one web process: requests at work at a time, and requests in all before it answers 503.
WEB_THREADS = env.int("WEB_THREADS", default=24)
WEB_QUEUE = env.int("WEB_QUEUE", default=500)

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "npa_market.portal.navigation.navigation",
            ],
            "builtins": [
                "npa_market.common.templatetags.market",
            ],
        },
    }
]
FORM_RENDERER = "npa_market.common.forms.VenueForms"

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR}/npa.sqlite3")}
_database = DATABASES["default"]
if _database["ENGINE"].endswith("sqlite3"):
    # Deferred transactions lose most concurrent writers to "database is locked" (auctions.md).
    Path(_database["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    # A file, so that threads of one test share it.
    _database["TEST"] = {
        "NAME": str(Path(tempfile.gettempdir()) / f"npa-test-{os.getpid()}.sqlite3")
    }
else:
    # The threshold lets `common.statements` prepare; the ORM's own queries are never prepared.
    _database["OPTIONS"] = {
        "options": "-c lock_timeout=3000 -c timezone=UTC",
        "prepare_threshold": 5,
    }
    _database["CONN_HEALTH_CHECKS"] = True
    # A bid that waits for its lot gives its connection back: connections are lent by a pool of the
    # process, at most this many, and none is kept by a thread.
    _pool_size = env.int("DATABASE_POOL", default=16 if PRODUCTION else 0)
    if _pool_size:
        _database["OPTIONS"]["pool"] = {
            "min_size": 1,
            "max_size": _pool_size,
            "timeout": 5,
        }
    else:
        _database["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=0)
# A server that may lose acknowledged bids is refused, except by a trial that wants to see losses.
ALLOW_UNSAFE_DATABASE = env.bool("ALLOW_UNSAFE_DATABASE", default=False)
# Asked by the sweeper every second: bidding counts as possible while it answers. Set by `serve`.
VENUE_PROBE_URL = env.str("VENUE_PROBE_URL", default="")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_cache_url = env.str("CACHE_URL", default="")
CACHES = {
    "default": env.cache_url("CACHE_URL")
    if _cache_url
    else {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache_rows"}
}

STORAGES = {
    "default": {
        "BACKEND": env.str("FILE_STORAGE", default="django.core.files.storage.FileSystemStorage")
    },
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
MEDIA_ROOT = VAR_DIR / "files"
STATIC_ROOT = VAR_DIR / "static"
if not PRODUCTION:  # Embedded, files come from the packages; the folder only has to be there.
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = not PRODUCTION
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
MAX_TAPE_BYTES = env.int("MAX_TAPE_BYTES", default=4 * 2**30)
# Loans as columns, a cache beside the database (packages/columns.py); about 250 bytes a loan.
COLUMN_FILES_BYTES = env.int("COLUMN_FILES_BYTES", default=4 * 2**30)
MAX_WORKBOOK_BYTES = env.int("MAX_WORKBOOK_BYTES", default=200 * 2**20)

AUTH_USER_MODEL = "parties.User"
AUTHENTICATION_BACKENDS = [
    "rules.permissions.ObjectPermissionBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "npa_market.parties.accounts.InvitedOnlyAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # Accounts are made by the venue or an administrator.
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_PREVENT_ENUMERATION = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "NPA Market"

EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="django.core.mail.backends.filebased.EmailBackend")
EMAIL_FILE_PATH = VAR_DIR / "mail"
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="venue@localhost")

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
USE_THOUSAND_SEPARATOR = False
# Pages show times in the venue's zone; a lot states its own.
VENUE_TIME_ZONE = env.str("VENUE_TIME_ZONE", default="Asia/Shanghai")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "npa_market.parties.tokens.PreparedTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PARSER_CLASSES": [
        "npa_market.common.api.JsonParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["npa_market.parties.access.DeclaredAccess"],
    "DEFAULT_PAGINATION_CLASS": "npa_market.common.api.NewestFirstPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.NamespaceVersioning",
    "DEFAULT_VERSION": "v1",
    "EXCEPTION_HANDLER": "npa_market.common.problems.problem_response",
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.AnonRateThrottle",
        "rest_framework.throttling.UserRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "anon": env.str("API_RATE_ANONYMOUS", default="60/min"),
        "user": env.str("API_RATE_USER", default="1200/min"),
        "token": env.str("API_RATE_TOKEN", default="10/min"),
    },
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "NPA Market API",
    "DESCRIPTION": "The services of the portal, for machines. Money is integer minor units.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "HistoryKindEnum": "npa_market.tapes.history_models.HistoryKind",
        "ValuationStateEnum": "npa_market.valuation.models.ValuationState",
        "LotStateEnum": "npa_market.auctions.models.LotState",
        "PackageExportFormEnum": "npa_market.packages.saved.ExportForm",
        "PickMeasureEnum": "npa_market.packages.serializers.MEASURE_CHOICES",
    },
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "npa_market.common.openapi.describe_problems",
    ],
}
REST_KNOX = {"TOKEN_TTL": timedelta(hours=env.int("TOKEN_HOURS", default=10))}

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="filesystem://localhost//")
if CELERY_BROKER_URL.startswith("filesystem"):
    _broker, _control = VAR_DIR / "broker", VAR_DIR / "broker-control"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_broker),
        "data_folder_out": str(_broker),
        "control_folder": str(_control),
    }
    for _folder in (_broker, _control):
        _folder.mkdir(parents=True, exist_ok=True)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_ALWAYS_EAGER = env.bool("CELERY_EAGER", default=False)
CELERY_TASK_EAGER_PROPAGATES = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF, "'unsafe-inline'"],  # Vega and progress widths set style attributes.
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
if PRODUCTION:
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
SILENCED_SYSTEM_CHECKS: list[str] = []

FILTERS_EMPTY_CHOICE_LABEL = "All"
DJANGO_TABLES2_TEMPLATE = "common/table.html"

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO" if PRODUCTION else "WARNING")
_shared_processors: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "main": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.JSONRenderer()
            if PRODUCTION
            else structlog.dev.ConsoleRenderer(
                colors=False,
                # The richer formatter prints local variables, which may hold personal data.
                exception_formatter=structlog.dev.plain_traceback,
            ),
            "foreign_pre_chain": _shared_processors,
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "main"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # The line at the end of a request says its status; Django would warn of it once more.
        "django.request": {"level": "ERROR"},
        # A page that leaves its live feed is no event worth a warning.
        **({} if PRODUCTION else {"django_structlog.middlewares.request": {"level": "ERROR"}}),
    },
}
# One line per request, at its end.
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_shared_processors,
        structlog.stdlib.add_logger_name,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)

# A bid above so many per cent of the last price, or above this quantile of the buyer's own
# valuation, is placed only after its amount was typed once more.
BID_FAR_ABOVE_PRICE_PERCENT = env.int("BID_FAR_ABOVE_PRICE_PERCENT", default=150)
BID_FAR_ABOVE_VALUE_QUANTILE = env.str("BID_FAR_ABOVE_VALUE_QUANTILE", default="q95")

# Deal terms that a venue sets; a lot copies them when it is announced, so a change never
# reaches back. Shares in hundred-thousandths to stay integers.
# Working days between a notice and the bidding day. Embedded lots are tried out and ask for none.
VENUE_PREMARKETING_DAYS = env.int("VENUE_PREMARKETING_DAYS", default=15 if PRODUCTION else 0)
VENUE_ANNOUNCEMENT_DAYS = env.int("VENUE_ANNOUNCEMENT_DAYS", default=10 if PRODUCTION else 0)
VENUE_SHORT_ANNOUNCEMENT_DAYS = env.int(
    "VENUE_SHORT_ANNOUNCEMENT_DAYS", default=5 if PRODUCTION else 0
)
VENUE_FEE_PER_100K = env.int("VENUE_FEE_PER_100K", default=100)  # 0.1 % of the adjusted price
VENUE_TAX_PER_100K = env.int("VENUE_TAX_PER_100K", default=6_000)  # 6 % of the fee
# Terms of a deal that differ from the defaults of transfers/terms.py; a deal copies them at award.
DEAL_TERMS = env.json("DEAL_TERMS", default={})
