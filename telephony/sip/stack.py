"""Our settings in the stack's own words."""

import baresip

from telephony.sip.settings import Account, SipSettings

_HEADERS = ("From", "To", "User-Agent", "Diversion", "P-Asserted-Identity", "X-Call-Token")
_CODECS = {
    "pcmu": "pcmu/8000/1",
    "pcma": "pcma/8000/1",
    "g722": "g722/16000/1",
    "opus": "opus/48000/2",  # its name on the wire; what we exchange with the stack is 16 kHz mono
}
_ENCRYPTIONS = {"none": (), "srtp": ("mediaenc=srtp",), "srtp-mandatory": ("mediaenc=srtp-mand",)}


def stack_config(settings: SipSettings) -> baresip.Config:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    lines = [
        f"sip_listen {host}:{settings.port}",
        f"sip_transports udp,tcp{',tls' if settings.certificate else ''}",
        f"rtp_ports {settings.media_ports[0]}-{settings.media_ports[1]}",
        f"audio_jitter_buffer_type {'fixed' if settings.jitter_ms else 'off'}",
        f"audio_jitter_buffer_ms {settings.jitter_ms}-{max(200, 2 * settings.jitter_ms)}",
        # Opus is stereo at 48 kHz otherwise: 192 kB/s each way, of which models use a sixth
        "opus_stereo no",
        "opus_samplerate 16000",
        "opus_bitrate 64000",  # it would choose 19 kbit/s for 16 kHz mono
        "opus_inbandfec yes",
    ]
    if settings.certificate:
        lines.append(f"sip_certificate {settings.certificate}")
    if settings.authorities:
        lines.append(f"sip_cafile {settings.authorities}")
    return baresip.Config(
        net_interface=None if settings.host in ("0.0.0.0", "::") else settings.host,
        max_concurrent_calls=settings.max_calls,
        expose_headers=_HEADERS,
        native_log_level="error",
        extra_config_text="\n".join(lines) + "\n",
    )


def stack_account(account: Account) -> baresip.Account:
    return baresip.Account(
        account.user,
        account.domain,
        account.password,
        reg_interval=300 if account.register else 0,
        transport=account.transport,
        audio_codecs=tuple(_CODECS[codec] for codec in account.codecs),
        auth_user=account.login or None,
        extra_params=_ENCRYPTIONS[account.encryption],
    )
