// LeaderHealth: from librdkafka's statistics, whether the leader of a partition answers. A broker that is stopped but
// holds its connections open sends no error; what gives it away is that its long polls (each half a second) stay
// unanswered.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace marquee {

class LeaderHealth {
 public:
  // No byte for this long: it does not answer. Several times fetch.wait.max.ms, in which an idle broker answers a
  // fetch.
  static constexpr std::int64_t kSilenceUsMax = 2'500'000;

  LeaderHealth();
  ~LeaderHealth();
  // Calls `tell(topic, partition number, answers)` for each partition that librdkafka fetches or knows. One thread.
  using Tell = std::function<void(std::string_view topic, std::int32_t number, bool answers)>;
  void judge(std::string_view statistics_json, const Tell& tell);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace marquee
