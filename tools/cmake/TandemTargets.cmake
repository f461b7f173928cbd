# SPDX-License-Identifier: GPL-3.0-or-later

# tandem_library(NAME [SOURCES...] [LINK...]): one of our static libraries. Only what is asked for
# is built, so that a test of one folder does not compile the others.
function(tandem_library name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
	if(NOT arg_SOURCES)
		add_library(${name} INTERFACE)
		target_link_libraries(${name} INTERFACE ${arg_LINK})
		return()
	endif()
	add_library(${name} STATIC ${arg_SOURCES})
	target_link_libraries(${name} PUBLIC ${arg_LINK} PRIVATE tandem_flags)
	if(TANDEM_FUZZ)
		set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
	endif()
endfunction()

# tandem_program(NAME SOURCES... LINK...): one of our programs, in BUILD/bin. TANDEM_VERSION and
# TANDEM_WOLFSSL_VERSION are strings for its --version.
function(tandem_program name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
	if(TANDEM_FUZZ)
		return()
	endif()
	add_executable(${name} ${arg_SOURCES})
	target_compile_definitions(${name} PRIVATE
		"TANDEM_VERSION=\"${PROJECT_VERSION}\""
		"TANDEM_WOLFSSL_VERSION=\"${TANDEM_WOLFSSL_VERSION}\"")
	target_link_libraries(${name} PRIVATE ${arg_LINK} tandem_flags)
endfunction()

# tandem_protobuf(NAME FILE.proto...): a library of protobuf-c messages. The files are named from
# the project's root, and so are the headers: #include "proto/FILE.pb-c.h".
function(tandem_protobuf name)
	set(out "${CMAKE_BINARY_DIR}/generated")
	set(sources)
	foreach(file IN LISTS ARGN)
		string(REGEX REPLACE "\\.proto$" ".pb-c" base "${file}")
		add_custom_command(OUTPUT "${out}/${base}.c" "${out}/${base}.h"
			COMMAND "${CMAKE_COMMAND}" -E make_directory "${out}"
			COMMAND "${TANDEM_PROTOC_C}" "--c_out=${out}" "--proto_path=${CMAKE_SOURCE_DIR}"
				"${CMAKE_SOURCE_DIR}/${file}"
			DEPENDS "${CMAKE_SOURCE_DIR}/${file}"
			COMMENT "Generating ${base}.c" VERBATIM)
		list(APPEND sources "${out}/${base}.c" "${out}/${base}.h")
	endforeach()
	if(NOT sources)
		add_library(${name} INTERFACE)
		return()
	endif()
	add_library(${name} STATIC ${sources})
	target_include_directories(${name} SYSTEM PUBLIC "${out}")
	target_compile_options(${name} PRIVATE -w)
	target_link_libraries(${name} PUBLIC PkgConfig::protobufc PRIVATE tandem_foreign_flags)
	if(TANDEM_FUZZ)
		set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
	endif()
endfunction()

# tandem_unit(NAME [SOURCES...] LINK...): one Criterion program per folder of the source, run by
# ctest as unit-NAME. Not with ThreadSanitizer: Criterion cannot place its shared memory then.
function(tandem_unit name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
	if(NOT arg_SOURCES OR TANDEM_SANITIZE MATCHES "thread")
		return()
	endif()
	add_executable(unit-${name} ${arg_SOURCES})
	target_link_libraries(unit-${name} PRIVATE ${arg_LINK} PkgConfig::criterion tandem_flags)
	# Criterion's assertion macros assign int to one-bit fields.
	target_compile_options(unit-${name} PRIVATE -Wno-conversion)
	add_test(NAME unit-${name} COMMAND unit-${name} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
	# Criterion does not look at the exit code of a test's process, where a leak shows.
	set_tests_properties(unit-${name} PROPERTIES TIMEOUT 120
		ENVIRONMENT "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/unit/foreign-leaks:print_suppressions=0"
		FAIL_REGULAR_EXPRESSION "ERROR: [A-Za-z]*Sanitizer;runtime error:")
endfunction()
