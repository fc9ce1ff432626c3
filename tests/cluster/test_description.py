"""One way to say where: a word, an address, a file or a mapping gives a Cluster, or one clear error."""

from __future__ import annotations

import json
import logging
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import dasknmf
from dasknmf.cluster import TLS, Cluster, Kubernetes, Slurm, executor_for, read_cluster
from dasknmf.cluster.description import APPLIES, KINDS, WORDS
from dasknmf.cluster.security import interface_is_loopback, security_of, warn_of_plain
from dasknmf.engine.dask_executor import Distributed
from dasknmf.engine.executor import Threads
from dasknmf.errors import InputError
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

#: The least that each kind needs.
LEAST: dict[str, dict[str, Any]] = {
    "threads": {},
    "serial": {},
    "local": {},
    "address": {"address": "tls://scheduler:8786"},
    "slurm": {"memory": "1GiB"},
    "kubernetes": {"insecure": True, "kubernetes": {"image": "dasknmf:1"}},
}
#: A right value of each field.
RIGHT: dict[str, Any] = {
    "address": "tcp://127.0.0.1:8786",
    "scheduler_file": "scheduler.json",
    "workers": 3,
    "threads": 2,
    "memory": "2GiB",
    "walltime": "2h",
    "wait": 30,
    "tls": "certs",
    "insecure": True,
    "slurm": {"partition": "short"},
    "kubernetes": {"image": "dasknmf:1"},
}


def refused(value: object, **changes: object) -> str:
    with pytest.raises(InputError) as caught:
        read_cluster(value, **changes)
    return str(caught.value)


def test_a_word_an_address_a_mapping_and_a_cluster(tmp_path: Path) -> None:
    assert read_cluster() == read_cluster("threads") == read_cluster({}) == Cluster()
    assert (
        read_cluster("local", workers=2)
        == Cluster("local", workers=2)
        == read_cluster({"kind": "local", "workers": 2})
    )
    assert (
        read_cluster("tls://h:1")
        == Cluster("address", address="tls://h:1")
        == read_cluster({"address": "tls://h:1"})
    )
    there = Cluster("slurm", memory=2**30, walltime=7200)
    assert read_cluster({"slurm": {}, "memory": "1 GiB", "walltime": "02:00:00"}) == read_cluster(
        there, slurm=Slurm()
    )
    assert read_cluster(there) is there
    assert read_cluster(there, workers=4).workers == 4


def test_a_scheduler_file_as_dask_writes_it_is_read_when_it_is_used(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    held = {"type": "Scheduler", "id": "x", "address": "tcp://127.0.0.1:1", "services": {}, "workers": {}}
    file.write_text(json.dumps(held, indent=2))
    assert read_cluster(file) == Cluster("address", scheduler_file=str(file))
    file.write_text(json.dumps({"address": "nonsense"}))
    with pytest.raises(InputError, match=r"scheduler file .*needs tcp://HOST:PORT"), executor_for(file):
        pass


def test_a_yaml_file_means_what_the_mapping_means_and_paths_are_seen_from_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    held = {
        "kind": "slurm",
        "workers": 4,
        "memory": "16GiB",
        "walltime": "1-12:00:00",
        "slurm": {"partition": "long", "directives": ["--exclusive"], "log_directory": "logs"},
        "tls": {"ca": "ca.pem", "cert": "c.pem", "key": "/elsewhere/key.pem"},
    }
    file.write_text(yaml.safe_dump(held))
    read = read_cluster(str(file))
    assert read.tls == TLS(str(tmp_path / "ca.pem"), str(tmp_path / "c.pem"), "/elsewhere/key.pem")
    assert read.slurm == Slurm("long", directives=("--exclusive",), log_directory=str(tmp_path / "logs"))
    assert (read.memory, read.walltime) == (16 * 2**30, 36 * 3600)
    # what the command line adds wins
    assert read_cluster(str(file), workers=9).workers == 9
    assert read_cluster(read.as_dict()) == read
    # without quotes YAML reads 12:00:00 as the number of its seconds
    file.write_text("kind: slurm\nmemory: 1GiB\nwalltime: 12:00:00\n")
    assert read_cluster(file).walltime == 43_200
    file.write_text("workers: 2\nqueue: long\n")
    assert refused(file).startswith(
        f"cluster file {file}: cluster: 'queue' is not known; there are: kind, address, "
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [f.name for f in fields(Cluster) if f.name != "kind"])
def test_what_means_nothing_to_a_kind_is_refused_and_not_ignored(kind: str, name: str) -> None:
    given_ = {"kind": kind, **LEAST[kind], name: RIGHT[name]}
    if kind in APPLIES[name]:
        if name in ("address", "scheduler_file"):
            given_ = {"kind": kind, name: RIGHT[name]}
        if name == "kubernetes" or (kind, name) == ("kubernetes", "kubernetes"):
            given_["insecure"] = True
        assert read_cluster(given_).as_dict()[name] is not None
    else:
        assert refused(given_).startswith(f"{name} means nothing to {kind}")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "nowhere",
            "'nowhere' is neither a word known here nor a file; give threads, serial, local, slurm, ",
        ),
        ("http://host:80", "address 'http://host:80': needs tcp://HOST:PORT or tls://HOST:PORT"),
        ("tcp://host", "needs tcp://HOST:PORT"),
        ("tcp://host:70000", "needs tcp://HOST:PORT"),
        ("slurm", "slurm: needs the memory of each worker, such as memory: 16GiB (--memory-limit 16GiB)"),
        ("kubernetes", "kubernetes: needs the image of its pods"),
        (
            {"kubernetes": {"image": "i"}},
            "speaks plain tcp:// only, so whoever reaches a port of its scheduler",
        ),
        (
            {"kubernetes": {"image": "i"}, "tls": "certs"},
            "speaks plain tcp:// only. Run Deployments with TLS",
        ),
        ({"kind": "cloud"}, "cluster kind='cloud' is not known; choose one of threads, "),
        ({"kind": "address"}, "needs an address or a scheduler_file, one of the two"),
        ({"workers": 0}, "workers=0: needs a whole number, 1 or more"),
        ({"workers": "2"}, "workers='2': needs a whole number"),
        ({"memory": "much"}, "memory limit 'much': needs a size"),
        ({"kind": "slurm", "memory": 1, "walltime": "soon"}, "walltime='soon': needs a time such as '2h'"),
        ({"address": "tcp://h:1", "tls": "certs"}, "tls is given, but tcp://h:1 is plain tcp; say tls://h:1"),
        ({"address": "tls://h:1", "tls": "certs", "insecure": True}, "tls and insecure are both given"),
        ({"address": "tls://h:1", "tls": {"ca": "x"}}, "tls: needs ca, cert and key"),
        ({"address": "tls://h:1", "insecure": "no"}, "insecure='no': needs true or false"),
        (
            {"slurm": {"queue": "x"}, "memory": 1},
            "slurm: 'queue' is not known; there are: partition, account",
        ),
        ({"slurm": {"partition": "a\nb"}, "memory": 1}, "slurm.partition='a\\nb': needs a text of one line"),
        ({"slurm": {"directives": [1]}, "memory": 1}, "slurm.directives=[1]: needs a list of texts"),
        ({"slurm": [], "memory": 1}, "slurm: list, needs a mapping with some of: partition"),
        ([], "cluster list: give threads"),
    ],
)
def test_a_wrong_value_is_one_clear_error(value: object, message: str) -> None:
    assert message in refused(value)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"name": "A b"}, "kubernetes.name='A b': needs small letters, digits and hyphens"),
        ({"connect": True}, "kubernetes.connect: needs the name of the cluster"),
        ({"connect": True, "name": "x", "image": "i"}, "kubernetes.image is of a cluster that is made"),
        (
            {"image": "i", "env": {"AWS_SECRET_ACCESS_KEY": "hidden"}},
            "AWS_SECRET_ACCESS_KEY looks like a secret",
        ),
        ({"image": "i", "claims": {"networks": "data"}}, "'data': needs an absolute path to mount at"),
        ({"image": "i", "resources": {"cpu": 4}}, "kubernetes.resources: needs requests and limits"),
        ({"image": "i", "tolerations": "spot"}, "kubernetes.tolerations: needs a list of mappings"),
        ({"image": "i", "env": [1]}, "kubernetes.env: needs a mapping of text to text"),
        ({"image": "i", "idle_seconds": -1}, "kubernetes.idle_seconds=-1: needs a whole number of seconds"),
    ],
)
def test_a_wrong_value_of_kubernetes_too(section: dict[str, Any], message: str) -> None:
    said = refused({"kubernetes": section, "insecure": True})
    assert message in said
    assert "hidden" not in said


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([*WORDS, "1GiB", "2h"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)


def mapping_of(kind: type) -> st.SearchStrategy[dict[Any, Any]]:
    names = st.sampled_from([f.name for f in fields(kind)])
    return st.dictionaries(names | st.text(max_size=4), ANYTHING, max_size=5)


FIELD = {
    "kind": st.sampled_from(KINDS) | ANYTHING,
    "slurm": mapping_of(Slurm) | ANYTHING,
    "kubernetes": mapping_of(Kubernetes) | ANYTHING,
    "tls": mapping_of(TLS) | ANYTHING,
}
MAPPING = st.fixed_dictionaries(
    {}, optional={f.name: FIELD.get(f.name, ANYTHING | st.just(RIGHT.get(f.name))) for f in fields(Cluster)}
)


@st.composite
def nearly_right(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(KINDS))
    right = {name: RIGHT[name] for name, kinds in APPLIES.items() if kind in kinds}
    chosen = draw(st.sets(st.sampled_from(sorted(right))))
    made = {"kind": kind, **LEAST[kind], **{name: right[name] for name in chosen}}
    if draw(st.booleans()):
        made[draw(st.sampled_from(sorted(made)))] = draw(ANYTHING)
    return made


def read_or_refused(value: object) -> Cluster | str:
    try:
        return read_cluster(value)
    except InputError as error:
        return str(error)


@given(MAPPING | nearly_right() | st.dictionaries(st.text() | st.integers(), ANYTHING))
def test_any_mapping_gives_a_cluster_that_reads_back_or_one_error(value: dict[Any, Any]) -> None:
    read = read_or_refused(value)
    if isinstance(read, Cluster):
        assert read_cluster(read.as_dict()) == read
    else:
        assert read
        assert "\n" not in read


@given(st.binary(max_size=60) | (MAPPING | nearly_right()).map(lambda held: yaml.dump(held).encode()))
def test_any_file_gives_a_cluster_or_one_error_that_names_it(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.mktemp("any") / "cluster.yaml"
    file.write_bytes(content)
    read = read_or_refused(file)
    assert isinstance(read, Cluster) or str(file) in read


@given(st.text())
def test_any_text_gives_a_cluster_or_one_error(text: str) -> None:
    assert read_or_refused(text)


def test_a_description_says_where_a_run_goes_and_how_much_of_it() -> None:
    with executor_for({"workers": 2, "memory": "1GiB"}) as executor:
        assert isinstance(executor, Threads)
        assert (executor.capacity.threads, executor.capacity.memory) == (2, 2**30)


def test_at_an_address_memory_bounds_a_run_and_workers_are_waited_for(client: Any, tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(yaml.safe_dump({"address": client.scheduler.address, "memory": "64MiB", "workers": 2}))
    with executor_for(file) as executor:
        assert isinstance(executor, Distributed)
        assert (executor.capacity.processes, executor.capacity.memory) == (2, 2**26)


def test_a_client_has_the_workers_it_has(client: Any) -> None:
    with pytest.raises(InputError, match=r"workers=2: the Dask client has the workers it has"):
        dasknmf.nmf(planted(20, 2, seed=0), 2, scheduler=client, workers=2)


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "tcp://localhost:1", "tcp://[::1]:1", "tls://10.0.0.1:1"]
)
def test_loopback_and_tls_are_silent(address: str, caplog: pytest.LogCaptureFixture) -> None:
    warn_of_plain(address)
    assert not caplog.records


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:1", "tcp://scheduler:1", "tcp://[2001:db8::1]:1"])
def test_plain_tcp_to_another_machine_is_said(address: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_plain(address)
    assert f"{address} is plain tcp: whoever reaches it" in caplog.text


def test_which_interfaces_are_loopback() -> None:
    import psutil

    loopback = [
        name
        for name, held in psutil.net_if_addrs().items()
        if any(one.address == "127.0.0.1" for one in held)
    ]
    assert interface_is_loopback(loopback[0])
    assert not interface_is_loopback(None)
    with pytest.raises(InputError, match=r"slurm.interface='ib9' is none of this machine; there are: .*lo"):
        interface_is_loopback("ib9")


def test_files_of_tls_that_are_not_there_or_not_pem(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"tls.ca: there is no file .*ca.pem; make a CA .* with: dasknmf certs FOLDER"
    ):
        security_of(TLS.of_folder(tmp_path, role="client"))
    for name in ("ca", "client", "client-key"):
        (tmp_path / f"{name}.pem").write_text("hidden")
    with pytest.raises(InputError, match=r"tls.ca: .*ca.pem is no certificate in PEM") as caught:
        security_of(TLS.of_folder(tmp_path, role="client"))
    assert "hidden" not in str(caught.value)
