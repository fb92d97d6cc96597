// The process stops itself at the phase it was told to: in children, since the wish is read once a process.
#include "pipeline/phase_hook.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

namespace marquee {
namespace {

// How many of `phases` a child reaches before it is stopped; all of them if it never is. It goes on afterwards and ends
// well, or -1 comes back.
int reached(const char* wish, const std::vector<PhasePoint>& phases) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) return -1;
  const pid_t child = ::fork();
  if (child == 0) {
    wish == nullptr ? ::unsetenv("MARQUEE_DEBUG_STOP_AT") : ::setenv("MARQUEE_DEBUG_STOP_AT", wish, 1);
    for (const PhasePoint phase : phases) {
      const char mark = '.';
      if (::write(pipe_ends[1], &mark, 1) != 1) ::_exit(1);
      at_phase(phase);
    }
    ::_exit(0);
  }
  ::close(pipe_ends[1]);
  int status = 0;
  int marks = -1;
  if (child > 0 && ::waitpid(child, &status, WUNTRACED) == child) {
    std::vector<char> buffer(phases.size() + 1);
    marks = static_cast<int>(::read(pipe_ends[0], buffer.data(), buffer.size()));
    if (WIFSTOPPED(status)) {
      if (WSTOPSIG(status) != SIGSTOP) marks = -1;
      ::kill(child, SIGCONT);
      if (::waitpid(child, &status, 0) != child) marks = -1;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) marks = -1;
  }
  ::close(pipe_ends[0]);
  return marks;
}

using enum PhasePoint;
const std::vector<PhasePoint> kRun = {kClaim, kRestore, kCommit, kFlush, kCommit, kCommit, kCommit};

TEST(PhaseHook, NothingStopsWithoutAWish) {
  EXPECT_EQ(reached(nullptr, kRun), 7);
}

TEST(PhaseHook, StopsTheFirstTimeWhereNoNumberIsGiven) {
  EXPECT_EQ(reached("commit", kRun), 3);
}

TEST(PhaseHook, StopsTheNthTimeAndThenNoMore) {
  EXPECT_EQ(reached("commit#3", kRun), 6);
}

TEST(PhaseHook, APhaseThatIsNotReachedSoOftenStopsNothing) {
  EXPECT_EQ(reached("commit#5", kRun), 7);
  EXPECT_EQ(reached("base#1", kRun), 7);
}

TEST(PhaseHook, CommitIsNotCommitted) {
  EXPECT_EQ(reached("committed#1", {kCommit, kCommit, kCommitted, kCommit}), 3);
}

TEST(PhaseHook, EveryPhaseHasItsName) {
  const std::vector<std::pair<const char*, PhasePoint>> all = {{"claim", kClaim},
                                                               {"restore", kRestore},
                                                               {"begin", kBegin},
                                                               {"panelog", kPaneLog},
                                                               {"produce", kProduce},
                                                               {"flush", kFlush},
                                                               {"offsets", kOffsets},
                                                               {"commit", kCommit},
                                                               {"base", kBase},
                                                               {"committed", kCommitted},
                                                               {"delete_records", kDeleteRecords}};
  std::vector<PhasePoint> run;
  for (const auto& [name, phase] : all) run.push_back(phase);
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(reached(all[i].first, run), static_cast<int>(i) + 1) << all[i].first;
}

}  // namespace
}  // namespace marquee
