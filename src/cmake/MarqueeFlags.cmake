# One place for warnings, hardening and sanitizers; and marquee_layer(), which makes one target a layer.

set(MARQUEE_GNU_MIN 12)
set(MARQUEE_CLANG_MIN 16)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(wanted ${MARQUEE_GNU_MIN})
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  set(wanted ${MARQUEE_CLANG_MIN})
else()
  message(FATAL_ERROR "marquee is built with GCC or Clang, not ${CMAKE_CXX_COMPILER_ID}. Set CMAKE_CXX_COMPILER.")
endif()
if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS wanted)
  message(
    FATAL_ERROR
    "marquee needs GCC ${MARQUEE_GNU_MIN} or Clang ${MARQUEE_CLANG_MIN}, or newer; ${CMAKE_CXX_COMPILER} is "
    "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}. Set CMAKE_CXX_COMPILER to a newer one."
  )
endif()

# Without this check CMAKE_POSITION_INDEPENDENT_CODE compiles for PIE but leaves linking as PIE to chance.
include(CheckPIESupported)
check_pie_supported(OUTPUT_VARIABLE pie_refused LANGUAGES CXX)
if(NOT CMAKE_CXX_LINK_PIE_SUPPORTED)
  message(WARNING "This linker makes no position-independent executables:\n${pie_refused}")
endif()

include(CheckIPOSupported)
check_ipo_supported(RESULT MARQUEE_IPO OUTPUT _unused)

add_library(marquee_flags INTERFACE)

# Options of the host compiler: for C++ as they are, for CUDA handed through by nvcc.
function(marquee_options)
  list(JOIN ARGN "," joined)
  target_compile_options(
    marquee_flags
    INTERFACE "$<$<COMPILE_LANGUAGE:C,CXX>:${ARGN}>" "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=${joined}>"
  )
endfunction()

marquee_options(
  -Wall
  -Wextra
  -Wconversion
  -Wshadow
  -Werror
  -fno-omit-frame-pointer
)
target_compile_options(marquee_flags INTERFACE $<$<COMPILE_LANGUAGE:C,CXX>:-Wpedantic>) # nvcc's output is not
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  marquee_options(-Wno-restrict) # false alarms on std::string, GCC bug 105651
endif()
target_compile_definitions(marquee_flags INTERFACE MARQUEE_VERSION="${PROJECT_VERSION}")

if(MARQUEE_SANITIZE)
  # Instrumented code provokes false alarms (GCC 12); the plain builds judge warnings.
  marquee_options(-Wno-error -fsanitize=${MARQUEE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(marquee_flags INTERFACE -fsanitize=${MARQUEE_SANITIZE})
  if(MARQUEE_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    marquee_options(-Wno-tsan)
  endif()
else()
  # Hardening. _FORTIFY_SOURCE wants optimisation, and may be defined by the compiler already.
  marquee_options(-fstack-protector-strong)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    marquee_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  endif()
  target_link_options(marquee_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
if(MARQUEE_FUZZ)
  marquee_options(-fsanitize=fuzzer-no-link) # so that the fuzzer sees into the layers
endif()
target_compile_definitions(marquee_flags INTERFACE _GLIBCXX_ASSERTIONS)

# The allocator of the binaries that read Kafka. librdkafka's broker thread allocates every message and an ingest thread
# frees it; in glibc both take one arena's lock. On a quiet machine `run` took 367 CPU-ns an event with mimalloc and 489
# without (one event a message; tcmalloc and jemalloc did as well); under heavy load the gain was not seen. Linked for its
# symbols, which stand in for malloc's (nothing names the library: --as-needed, Ubuntu's default, would drop it).
# Sanitizers bring an allocator of their own.
add_library(marquee_allocator INTERFACE)
if(NOT MARQUEE_SANITIZE)
  find_package(mimalloc REQUIRED)
  target_link_libraries(marquee_allocator INTERFACE -Wl,--push-state,--no-as-needed mimalloc -Wl,--pop-state)
endif()

# marquee_layer(NAME SOURCES ... USES ... LINKS ...)
# NAME: folder's last part; target marquee_NAME. USES: layers below (public). LINKS: outside libraries (private).
function(marquee_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;LINKS" ${ARGN})
  set(target marquee_${name})
  if(ARG_SOURCES)
    add_library(${target} STATIC ${ARG_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE ${ARG_LINKS})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
    target_link_libraries(${target} INTERFACE ${ARG_LINKS})
  endif()
  target_include_directories(${target} ${scope} ${PROJECT_SOURCE_DIR}/src/host ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${target} ${scope} marquee_flags)
  foreach(layer IN LISTS ARG_USES)
    target_link_libraries(${target} ${scope} marquee_${layer})
  endforeach()
endfunction()
