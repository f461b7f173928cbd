/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How our private wolfSSL is built. Every source that includes a wolfSSL header must see
 * exactly these settings (WOLFSSL_USER_SETTINGS defined, never <wolfssl/options.h>): structure
 * sizes depend on them. Link to the CMake target tandem_wolfssl and both are taken care of.
 *
 * wolfSSL's assembler sources read this file too: preprocessor lines only.
 */
#ifndef TANDEM_WOLFSSL_USER_SETTINGS_H
#define TANDEM_WOLFSSL_USER_SETTINGS_H

/* Protocols. TLS 1.2 and 1.3, DTLS 1.2; nothing older. */
#define WOLFSSL_TLS13
#define WOLFSSL_DTLS
#define WOLFSSL_DTLS_MTU
#define NO_OLD_TLS

/* No HAVE_SESSION_TICKET: what is not compiled in cannot be switched on by mistake. */
#define HAVE_TLS_EXTENSIONS
#define HAVE_SUPPORTED_CURVES
#define HAVE_SNI
#define HAVE_ALPN
#define HAVE_EXTENDED_MASTER
#define HAVE_SERVER_RENEGOTIATION_INFO
#define HAVE_ENCRYPT_THEN_MAC

/* PSK-NEGOTIATE: clients offer plain PSK suites only, keyed from the TLS exporter. */
#define WOLFSSL_STATIC_PSK
#define HAVE_KEYING_MATERIAL

/* The legacy DTLS mode, where the client chooses the master secret: sessions by callback, and
 * RSA key exchange names for very old clients. Suite lists are always set explicitly. */
#define HAVE_SECRET_CALLBACK
#define HAVE_EXT_CACHE
#define WOLFSSL_STATIC_RSA

/* API. */
#define OPENSSL_EXTRA
#define OPENSSL_EXTRA_X509_SMALL
#define HAVE_EX_DATA
#define KEEP_PEER_CERT
#define WOLFSSL_ENCRYPTED_KEYS
#define WOLFSSL_DER_LOAD
#define WOLFSSL_ALT_NAMES
#define HAVE_CRL
#define WOLFSSL_BASE64_ENCODE
#define WOLFSSL_KEY_GEN

/* Ciphers and hashes. */
#define HAVE_AESGCM
#define WOLFSSL_AES_DIRECT
#define HAVE_CHACHA
#define HAVE_POLY1305
#define WOLFSSL_SHA384
#define WOLFSSL_SHA512
#define HAVE_HKDF
#define HAVE_HASHDRBG
#define NO_RC4
#define NO_DSA
#define NO_MD4
#define NO_MD5
#define NO_DES3

/* Public keys. */
#define HAVE_ECC
#define HAVE_ECC384
#define ECC_USER_CURVES
#define HAVE_CURVE25519
#define WC_RSA_PSS
#define HAVE_FFDHE_2048

/* Constant time. */
#define WC_RSA_BLINDING
#define ECC_TIMING_RESISTANT
#define TFM_TIMING_RESISTANT

/* Big numbers: fixed-size code for the curves and RSA sizes in use. */
#define WOLFSSL_SP_MATH_ALL
#define WOLFSSL_HAVE_SP_RSA
#define WOLFSSL_HAVE_SP_ECC
#define WOLFSSL_SP_384
#define WOLFSSL_SP_4096
#define WOLFSSL_SP_LARGE_CODE
#define SP_INT_BITS 4096

/* Assembler. Which code runs is decided on the running machine by its cpuid: a processor without
 * AES-NI or AVX takes the C code. Other architectures are built from C alone. */
#if defined(__x86_64__) && !defined(TANDEM_WOLFSSL_NO_ASM)
#define WOLFSSL_AESNI
#define USE_INTEL_SPEEDUP
#ifndef WOLFSSL_X86_64_BUILD
#define WOLFSSL_X86_64_BUILD
#endif
#define WOLFSSL_SP_X86_64
#define WOLFSSL_SP_X86_64_ASM
#define WOLFSSL_SP_ASM
#else
#define HAVE___UINT128_T
#endif

/* Platform: 64-bit Linux. */
#define SIZEOF_LONG      8
#define SIZEOF_LONG_LONG 8
#define HAVE_THREAD_LS
#define HAVE_SYS_TIME_H
#define WOLFSSL_USE_ALIGN

#endif
