# SPDX-License-Identifier: GPL-3.0-or-later
#
# The libraries of others: system packages by pkg-config, our private wolfSSL, and llhttp, which
# comes as C sources.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# tandem_package(NAME MODULE...): PkgConfig::NAME, or a word about what to do.
function(tandem_package name)
	pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL ${ARGN})
	if(NOT ${name}_FOUND)
		message(FATAL_ERROR "${ARGN}: not installed. Run tools/setup.")
	endif()
endfunction()

tandem_package(uv libuv)
tandem_package(expat expat)
tandem_package(cyaml libcyaml)
tandem_package(yaml yaml-0.1)
tandem_package(crypt libcrypt)
tandem_package(lmdb lmdb)
tandem_package(netlink libnl-3.0 libnl-route-3.0)
tandem_package(nftables libnftables)
tandem_package(protobufc libprotobuf-c)
tandem_package(corosync libcpg libquorum libvotequorum libcmap libcfg)
find_program(TANDEM_PROTOC_C protoc-c)
if(NOT TANDEM_PROTOC_C)
	message(FATAL_ERROR "protoc-c: not installed. Run tools/setup.")
endif()

# libasan defines crypt_r to look at its arguments, then calls the real one: to the linker
# libcrypt is not needed any more, at run time it is.
add_library(tandem_crypt INTERFACE)
target_link_libraries(tandem_crypt INTERFACE
	"-Wl,--push-state,--no-as-needed,-lcrypt,--pop-state")

# wolfSSL. The version compiled into our programs is the one that was built; it has to be the
# pinned one.
set(tandem_wolfssl_pin "${CMAKE_SOURCE_DIR}/node/wolfssl/VERSION")
set(tandem_wolfssl_built "${TANDEM_WOLFSSL_DIR}/version")
if(NOT EXISTS "${TANDEM_WOLFSSL_DIR}/lib/libwolfssl.a" OR NOT EXISTS "${tandem_wolfssl_built}")
	message(FATAL_ERROR "${TANDEM_WOLFSSL_DIR}: no wolfSSL here. Run tools/setup.")
endif()
file(STRINGS "${tandem_wolfssl_pin}" wanted LIMIT_COUNT 1)
file(STRINGS "${tandem_wolfssl_built}" TANDEM_WOLFSSL_VERSION LIMIT_COUNT 1)
if(NOT wanted STREQUAL TANDEM_WOLFSSL_VERSION)
	message(FATAL_ERROR "${TANDEM_WOLFSSL_DIR} holds wolfSSL ${TANDEM_WOLFSSL_VERSION}, "
		"${tandem_wolfssl_pin} wants ${wanted}. Run tools/setup.")
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
	"${tandem_wolfssl_pin}" "${tandem_wolfssl_built}")

add_library(tandem_wolfssl STATIC IMPORTED GLOBAL)
set_target_properties(tandem_wolfssl PROPERTIES
	IMPORTED_LOCATION "${TANDEM_WOLFSSL_DIR}/lib/libwolfssl.a"
	INTERFACE_INCLUDE_DIRECTORIES "${TANDEM_WOLFSSL_DIR}/include"
	INTERFACE_COMPILE_DEFINITIONS WOLFSSL_USER_SETTINGS
	INTERFACE_LINK_LIBRARIES "Threads::Threads;m")

# llhttp.
set(TANDEM_LLHTTP_DIR /usr/share/llhttp CACHE PATH "C sources of llhttp")
set(TANDEM_LLHTTP_INCLUDE /usr/share/include/llhttp CACHE PATH "directory of llhttp.h")
if(NOT EXISTS "${TANDEM_LLHTTP_DIR}/llhttp.c" OR NOT EXISTS "${TANDEM_LLHTTP_INCLUDE}/llhttp.h")
	message(FATAL_ERROR "${TANDEM_LLHTTP_DIR}: no sources of llhttp here. Run tools/setup.")
endif()
add_library(tandem_llhttp STATIC EXCLUDE_FROM_ALL "${TANDEM_LLHTTP_DIR}/llhttp.c"
	"${TANDEM_LLHTTP_DIR}/api.c" "${TANDEM_LLHTTP_DIR}/http.c")
target_include_directories(tandem_llhttp SYSTEM PUBLIC "${TANDEM_LLHTTP_INCLUDE}")
target_compile_options(tandem_llhttp PRIVATE -w)
# Without it URLs may hold any byte and requests may follow a Connection: close.
target_compile_definitions(tandem_llhttp PRIVATE LLHTTP_STRICT_MODE=1)
target_link_libraries(tandem_llhttp PRIVATE tandem_foreign_flags)
