# SPDX-License-Identifier: GPL-3.0-or-later
#
# tandem_flags: how our own code is compiled. tandem_foreign_flags: the same without the warnings,
# for sources that others wrote or that are generated.

include(CheckCCompilerFlag)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(tandem_foreign_flags INTERFACE)
target_compile_definitions(tandem_foreign_flags INTERFACE _GNU_SOURCE=)
target_include_directories(tandem_foreign_flags INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(tandem_foreign_flags INTERFACE
	-fno-common -fstack-protector-strong -fstack-clash-protection)
target_link_options(tandem_foreign_flags INTERFACE
	-Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed)

check_c_compiler_flag(-fcf-protection TANDEM_HAVE_CF_PROTECTION)
if(TANDEM_HAVE_CF_PROTECTION)
	target_compile_options(tandem_foreign_flags INTERFACE -fcf-protection)
endif()

if(TANDEM_FUZZ)
	set(tandem_sanitize "fuzzer-no-link,address,undefined")
else()
	set(tandem_sanitize "${TANDEM_SANITIZE}")
endif()
if(tandem_sanitize)
	target_compile_options(tandem_foreign_flags INTERFACE "-fsanitize=${tandem_sanitize}"
		-fno-sanitize-recover=all -fno-omit-frame-pointer)
	target_link_options(tandem_foreign_flags INTERFACE "-fsanitize=${tandem_sanitize}")
else()
	# Fortification needs the optimiser, and hides from sanitizers what they look for.
	target_compile_options(tandem_foreign_flags INTERFACE
		"$<$<CONFIG:Release>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3>")
endif()

add_library(tandem_flags INTERFACE)
target_link_libraries(tandem_flags INTERFACE tandem_foreign_flags)
target_compile_options(tandem_flags INTERFACE
	-Wall -Wextra -Wconversion -Wshadow -Wformat=2 -Wstrict-prototypes -Wvla
	-Wimplicit-fallthrough -Werror)
