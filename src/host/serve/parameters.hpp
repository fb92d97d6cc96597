// Parameters: what a request says behind the question mark, judged one by one. The first thing that is wrong is kept as
// a sentence for the client; what is read after that means nothing.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "serve/query.hpp"

namespace marquee {

class Parameters {
 public:
  // `known`: all that this path takes. One of another name, or one given twice, is wrong.
  Parameters(const RequestTarget& target, std::initializer_list<std::string_view> known);

  // An empty value is none.
  std::optional<std::string_view> text(std::string_view name) const;
  // Digits alone, from `least` to `most`, and not none; `otherwise` where it is not given.
  std::uint64_t number(std::string_view name, std::uint64_t least, std::uint64_t most, std::uint64_t otherwise);
  void refuse(std::string sentence) {
    if (problem_.empty()) problem_ = std::move(sentence);
  }
  const std::string& problem() const { return problem_; }

 private:
  std::optional<std::string_view> given(std::string_view name) const;

  const RequestTarget& target_;
  std::string problem_;
};

}  // namespace marquee
