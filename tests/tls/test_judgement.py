"""TLS as sslyze sees it from outside, at every kind of listener.

RINGTAIL_TARGETS is a JSON array of {name, port, ca}; the Rust test that runs this suite starts them.
"""

import json
import os
from pathlib import Path

import pytest
from sslyze import (
    CertificateInfoExtraArgument,
    ScanCommand,
    ScanCommandsExtraArguments,
    Scanner,
    ServerNetworkLocation,
    ServerScanRequest,
)

TARGETS = json.loads(os.environ["RINGTAIL_TARGETS"])
OLD = ["ssl_2_0_cipher_suites", "ssl_3_0_cipher_suites", "tls_1_0_cipher_suites", "tls_1_1_cipher_suites"]
NEW = ["tls_1_2_cipher_suites", "tls_1_3_cipher_suites"]
HOLES = ["heartbleed", "openssl_ccs_injection", "robot", "session_renegotiation", "tls_compression", "tls_fallback_scsv"]
COMMANDS = OLD + NEW + HOLES + ["certificate_info", "elliptic_curves", "session_resumption"]
COMMANDS += ["tls_1_3_early_data", "tls_extended_master_secret"]


def scan(target):
    extra = ScanCommandsExtraArguments(certificate_info=CertificateInfoExtraArgument(custom_ca_file=Path(target["ca"])))
    request = ServerScanRequest(
        server_location=ServerNetworkLocation(hostname="localhost", port=target["port"], ip_address="127.0.0.1"),
        scan_commands={ScanCommand(name) for name in COMMANDS},
        scan_commands_extra_arguments=extra,
    )
    scanner = Scanner()
    scanner.queue_scans([request])
    (result,) = scanner.get_results()
    assert result.scan_result, result.connectivity_error_trace
    return result.scan_result


@pytest.fixture(scope="module", params=TARGETS, ids=[target["name"] for target in TARGETS])
def judged(request):
    return scan(request.param)


def of(judged, command):
    attempt = getattr(judged, command)
    assert attempt.result is not None, f"{command}: {attempt.error_reason} {attempt.error_trace}"
    return attempt.result


@pytest.mark.parametrize("version", OLD)
def test_nothing_old_is_spoken(judged, version):
    assert [suite.cipher_suite.name for suite in of(judged, version).accepted_cipher_suites] == []


@pytest.mark.parametrize("version", NEW)
def test_only_strong_ciphers_with_forward_secrecy(judged, version):
    accepted = [suite.cipher_suite for suite in of(judged, version).accepted_cipher_suites]
    assert accepted
    for suite in accepted:
        assert suite.key_size >= 128 and not suite.is_anonymous, suite.name
        assert "GCM" in suite.name or "CHACHA20_POLY1305" in suite.name, suite.name
        assert version == "tls_1_3_cipher_suites" or suite.name.startswith("TLS_ECDHE_"), suite.name


def test_no_known_hole(judged):
    assert not of(judged, "heartbleed").is_vulnerable_to_heartbleed
    assert not of(judged, "openssl_ccs_injection").is_vulnerable_to_ccs_injection
    assert "VULNERABLE_" not in of(judged, "robot").robot_result.name.replace("NOT_VULNERABLE_", "")
    assert not of(judged, "session_renegotiation").is_vulnerable_to_client_renegotiation_dos
    assert not of(judged, "tls_compression").supports_compression
    assert not of(judged, "tls_1_3_early_data").supports_early_data


def test_curves(judged):
    curves = {curve.name for curve in of(judged, "elliptic_curves").supported_curves}
    assert curves and curves <= {"X25519", "secp256r1", "prime256v1", "secp384r1"}


def test_the_chain_is_valid(judged):
    (deployment,) = of(judged, "certificate_info").certificate_deployments
    (own,) = [path for path in deployment.path_validation_results if path.trust_store.name == "Supplied CA file"]
    assert own.was_validation_successful, own.validation_error
    assert deployment.received_chain_has_valid_order
    assert not deployment.verified_chain_has_sha1_signature
    key = deployment.received_certificate_chain[0].public_key()
    assert getattr(key, "key_size", 256) >= 256


def test_the_server_keeps_no_sessions_and_binds_tickets_to_their_handshake(judged):
    # Tickets are openssl's to test: sslyze's own TLS 1.2 client lacks the extended master secret, without which none is taken.
    assert of(judged, "session_resumption").session_id_resumption_result.name == "NOT_SUPPORTED"
    assert of(judged, "tls_extended_master_secret").supports_ems_extension
