// Status and Result: how a failing world (broker, disk, GPU, configuration) is told. Bad data is a Verdict, a bug a
// CHECK.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "core/check.hpp"

namespace marquee {

// The numbers are the process's exit codes; the first three after kOk are answered by the pipeline, by a recovery, and
// never leave it.
enum class Code : int {
  kOk = 0,
  kAborted = 1,     // an epoch was not committed, and can be made again: Sink::abort()
  kLost = 2,        // likewise, and the sink's session is over: fenced, or timed out. Sink::acquire() begins another
  kEngineLost = 3,  // the engine's device is lost
  kUsage = 64,
  kUnavailable = 69,
  kInternal = 70,
  kFenced = 75,
  kConfig = 78
};

// What went wrong, where, and what to do about it, in one sentence for a person. Cheap when ok.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}
  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  int exit_code() const { return static_cast<int>(code_); }
  const std::string& message() const { return message_; }

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

// A value or the Status that says why there is none. value() on a failed Result is a bug.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}                                         // NOLINT: converts on purpose
  Result(Status status) : status_(std::move(status)) { MARQUEE_CHECK(!status_.ok()); }  // NOLINT: converts on purpose
  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  T& value() {
    MARQUEE_CHECK(value_.has_value());
    return *value_;
  }
  const T& value() const {
    MARQUEE_CHECK(value_.has_value());
    return *value_;
  }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace marquee
