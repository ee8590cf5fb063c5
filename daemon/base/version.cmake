# SPDX-License-Identifier: GPL-2.0-or-later
# Writes OUTPUT, the one source file that knows the version and the commit, if it would differ: run at each build, because
# a commit does not touch any file that the build depends on. From cmake -P, with
#   SOURCE  the root of the tree
#   NUMBER  "0.2.0"
#   GIVEN   what the version is, from somebody who knows (image/build); "": ask git
# Everything in it comes from the commit and nothing from the moment or the machine, so builds stay reproducible.

set(version "${GIVEN}")
if(version STREQUAL "")
  set(version "${NUMBER}")
  # A tree without .git of its own may lie inside somebody else's repository, whose commit means nothing here.
  find_program(GIT git)
  if(GIT AND EXISTS "${SOURCE}/.git")
    set(git ${GIT} -c safe.directory=${SOURCE} -C ${SOURCE})
    set(ENV{TZ} UTC)
    execute_process(COMMAND ${git} log -1 --format=%cd.%h --date=format-local:%Y%m%d --abbrev=10
                    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed ERROR_QUIET)
    if(NOT failed)
      execute_process(COMMAND ${git} status --porcelain --untracked-files=no
                      OUTPUT_VARIABLE changes ERROR_QUIET)
      set(version "${NUMBER}+${commit}")
      if(NOT changes STREQUAL "")
        string(APPEND version ".changed")
      endif()
    endif()
  endif()
endif()
if(NOT version MATCHES "^[0-9A-Za-z.+-]+$")
  message(FATAL_ERROR "the version may have letters, digits and .+- only: ${version}")
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" @ONLY CONTENT [[// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/version.h"

namespace ulagate {
const char* const kVersion = "@version@";
}
]])
