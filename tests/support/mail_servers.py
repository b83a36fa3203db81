"""A real Dovecot (IMAP) and a real Exim (SMTP) from Debian's packages, on the loopback, for a test run.

Both run as an ordinary user: as the caller, or as `nobody` where the caller is root; with util-linux at hand they end
with the process that started them. Exim takes mail of known users alone, under their own address, and delivers to the
Maildirs that Dovecot serves. What a user of ``filed.test`` sends, it also files into their Sent folder, as Gmail does.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.servers import free_ports, unprivileged

START_SECONDS = 30.0
PASSWORD = 'corréct "horse" \\ battery'
"""Of every user: with what has to be quoted, and beyond ASCII."""
LATE = "late@prospect.test"
"""Accepted, and found not to exist only afterwards: a bounce comes back."""
USERS = ("ann@agency.test", "bea@agency.test", "cal@filed.test", "lead@prospect.test")

_DOVECOT = """
protocols = imap
listen = 127.0.0.1
base_dir = @folder@/run
state_dir = @folder@/state
log_path = @folder@/dovecot.log
default_internal_user = @user@
default_internal_group = @group@
default_login_user = @user@
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:@folder@/mail/%u
mail_max_userip_connections = 50
ssl = yes
ssl_cert = <@folder@/server.pem
ssl_key = <@folder@/server.key
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u @folder@/passwd
}
userdb {
  driver = static
  args = uid=@uid@ gid=@gid@ home=@folder@/mail/%u
}
namespace inbox {
  inbox = yes
  separator = .
  mailbox "Sent" {
    auto = create
    special_use = \\Sent
  }
}
service anvil {
  chroot =
}
service imap-login {
  chroot =
  inet_listener imap {
    port = @imap@
  }
  inet_listener imaps {
    port = @imaps@
    ssl = yes
  }
}
service stats {
  chroot =
}
"""

# Names of files come from look-ups, since Exim takes no name that a sender could choose.
_EXIM = r"""
primary_hostname = mail.test
spool_directory = @folder@/spool
log_file_path = @folder@/exim-%slog
pid_file_path = @folder@/exim.pid
exim_user = @user@
exim_group = @group@
admin_groups = @group@
never_users =
deliver_drop_privilege = true
local_interfaces = <; 127.0.0.1
daemon_smtp_ports = @smtp@ : @smtps@
tls_on_connect_ports = @smtps@
tls_advertise_hosts = *
tls_certificate = @folder@/server.pem
tls_privatekey = @folder@/server.key
message_size_limit = 5M
smtp_accept_max = 50
host_lookup =
rfc1413_query_timeout = 0s
smtputf8_advertise_hosts =
keep_environment =
timezone = UTC
acl_smtp_mail = check_mail
acl_smtp_rcpt = check_rcpt
acl_smtp_data = check_data
domainlist local_domains = agency.test : filed.test : prospect.test
HOME = ${lookup{$local_part@$domain}lsearch{@folder@/homes}}

begin acl
check_mail:
  deny message = 5.7.1 sender address rejected: not owned by user
       condition = ${if def:authenticated_id}
       !condition = ${if eqi{$authenticated_id}{$sender_address}}
  accept
check_rcpt:
  deny message = 5.7.0 authentication required
       !authenticated = *
  defer message = 4.2.2 mailbox full
       local_parts = full
  deny message = 5.4.5 Daily user sending limit exceeded
       local_parts = quota
  deny message = 5.1.2 no such domain
       !domains = +local_domains
  deny message = 5.1.1 no such user
       condition = ${if eq{HOME}{}}
  accept
check_data:
  deny message = 5.7.1 content refused
       condition = ${if match{$h_subject:}{^REFUSED}}
  defer message = 4.3.0 try again later
       condition = ${if match{$h_subject:}{^DEFERRED}}
  accept condition = ${if match{$h_subject:}{^SLOW}}
         delay = 3s
  accept

begin routers
file_sent:
  driver = accept
  unseen
  condition = ${if match{$authenticated_id}{@filed\\.test\$}}
  transport = sent
late:
  driver = redirect
  local_parts = late
  data = :fail: mailbox does not exist
  allow_fail
local:
  driver = accept
  domains = +local_domains
  transport = inbox

begin transports
inbox:
  driver = appendfile
  directory = @folder@/mail/HOME
  maildir_format
  create_directory
  delivery_date_add
  envelope_to_add
  return_path_add
sent:
  driver = appendfile
  directory = @folder@/mail/${lookup{$authenticated_id}lsearch{@folder@/homes}}/.Sent
  maildir_format
  create_directory

begin retry
* * F,1h,1m

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if eq{$auth3}{${lookup{$auth2}lsearch{@folder@/smtp-passwd}{$value}fail}}}
  server_set_id = $auth2
"""


class MailServers:
    """The two servers; ``smtp`` and ``imap`` are ports for STARTTLS, ``smtps`` and ``imaps`` for TLS at once."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="agency-os-mail-"))
        self.smtp, self.smtps, self.imap, self.imaps = free_ports(4)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self._delivered = 0

    @property
    def ca_file(self) -> Path:
        """The servers' certificate, for ``localhost`` and 127.0.0.1, signed by itself."""
        return self._folder / "server.pem"

    def start(self) -> MailServers:
        """Both up and answering. Raises RuntimeError with their logs."""
        try:
            self._write_files()
            self.start_exim()
            self._run("dovecot", ["dovecot", "-F", "-c", str(self._folder / "dovecot.conf")])
            for port in (self.imap, self.imaps):
                self._wait_for_port(port)
        except BaseException:
            self.stop()
            raise
        return self

    def start_exim(self) -> None:
        """Exim up and answering."""
        command = ["exim4", "-C", str(self._folder / "exim.conf"), "-bdf", "-q1m"]
        self._run("exim", command)
        for port in (self.smtp, self.smtps):
            self._wait_for_port(port)

    def kill_exim(self) -> None:
        """SIGKILL to Exim and to all that serve its connections."""
        process = self._processes.pop("exim")
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End both and remove all that they wrote."""
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._processes.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def maildir(self, address: str, folder: str = "") -> Path:
        """A mailbox's folder; ``.Sent`` is what was sent."""
        return self._folder / "mail" / address / folder

    def messages(self, address: str, folder: str = "") -> list[bytes]:
        """The raw messages in a mailbox's folder, oldest first."""
        home = self.maildir(address, folder)
        files = [path for name in ("new", "cur") for path in (home / name).glob("*")]
        return [path.read_bytes() for path in sorted(files, key=lambda path: path.name)]

    def wait_for(self, address: str, count: int, folder: str = "") -> list[bytes]:
        """The raw messages, once there are ``count``. Raises AssertionError with the servers' logs."""
        deadline = time.monotonic() + START_SECONDS
        while len(found := self.messages(address, folder)) < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(found)} of {count} messages in {address} {folder}\n{self.log()}")
            time.sleep(0.02)
        return found

    def put(self, address: str, raw: bytes, arrived_at: datetime | None = None) -> None:
        """Lay a message into a mailbox as a delivery agent does, seemingly at ``arrived_at``."""
        self._delivered += 1
        home = self.maildir(address)
        for name in ("tmp", "new", "cur"):
            (home / name).mkdir(parents=True, exist_ok=True)
        path = home / "tmp" / f"{time.time():.6f}.{self._delivered:06d}.test"
        path.write_bytes(raw)
        if arrived_at is not None:
            os.utime(path, (arrived_at.timestamp(), arrived_at.timestamp()))
        for each in (home, *home.iterdir(), path):
            os.chown(each, self._owner.pw_uid, self._owner.pw_gid)
        path.rename(home / "new" / path.name)

    def forget_uids(self, address: str) -> None:
        """Make Dovecot number a mailbox anew, as a restored or moved one is: UIDVALIDITY changes."""
        time.sleep(1.1)  # it is the second in which the mailbox is first seen
        for path in self.maildir(address).glob("dovecot*"):
            path.unlink()

    def wait_for_data(self) -> None:
        """Until Exim holds the content of a message that it has not answered yet. Raises AssertionError."""
        deadline = time.monotonic() + START_SECONDS
        while not any((self._folder / "spool" / "input").glob("*-D")):
            if time.monotonic() > deadline:
                raise AssertionError(f"no message came\n{self.log()}")
            time.sleep(0.01)

    def empty(self) -> None:
        """Remove everybody's messages and folders."""
        for address in USERS:
            shutil.rmtree(self.maildir(address), ignore_errors=True)

    def log(self) -> str:
        """The end of what both wrote."""
        files = [*self._folder.glob("exim-*log"), self._folder / "dovecot.log", self._folder / "output"]
        return "\n".join(f"{path.name}: {path.read_text(errors='replace')[-3000:]}" for path in files if path.exists())

    def _write_files(self) -> None:
        owner = self._owner
        values = {
            "folder": str(self._folder),
            "user": owner.pw_name,
            "group": grp.getgrgid(owner.pw_gid).gr_name,
            "uid": str(owner.pw_uid),
            "gid": str(owner.pw_gid),
            **{name: str(getattr(self, name)) for name in ("smtp", "smtps", "imap", "imaps")},
        }
        certificate, key = _certificate()
        files = {
            "dovecot.conf": _filled(_DOVECOT, values),
            "exim.conf": _filled(_EXIM, values),
            "passwd": "".join(f"{user}:{PASSWORD}\n" for user in USERS),
            "smtp-passwd": "".join(f"{user}: {PASSWORD}\n" for user in USERS),
            "homes": "".join(f"{user}: {user}\n" for user in (*USERS, LATE)),
            "server.pem": certificate,
            "server.key": key,
        }
        for name, text in files.items():
            (self._folder / name).write_text(text)
        for name in ("mail", "run", "state", "spool"):
            (self._folder / name).mkdir()
        for path in (self._folder, *self._folder.iterdir()):
            os.chown(path, owner.pw_uid, owner.pw_gid)

    def _run(self, name: str, command: list[str]) -> None:
        tied = ["--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        prefix = [*(unprivileged() or (["setpriv"] if tied else [])), *tied]
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        with (self._folder / "output").open("ab") as output:
            self._processes[name] = subprocess.Popen(
                [*prefix, *command],
                cwd=self._folder,
                env={"PATH": path},
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    def _wait_for_port(self, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                ended = any(process.poll() is not None for process in self._processes.values())
                if ended or time.monotonic() > deadline:
                    raise RuntimeError(f"the tests' mail servers do not start\n{self.log()}") from None
                time.sleep(0.02)
            else:
                return


def _filled(template: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template


def _certificate() -> tuple[str, str]:
    """A certificate of an hour, signed by itself, and its key, both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=6))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()
