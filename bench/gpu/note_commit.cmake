# Writes OUT, which says what is checked out in FOLDER.
execute_process(
  COMMAND git describe --always --dirty
  WORKING_DIRECTORY ${FOLDER}
  OUTPUT_VARIABLE commit
  OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_QUIET
)
if(NOT commit)
  set(commit unknown)
endif()
file(WRITE ${OUT} "extern const char* const kCommit;\nconst char* const kCommit = \"${commit}\";\n")
