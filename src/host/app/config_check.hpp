// What a configuration must satisfy beyond each value on its own: required keys, names, dimensions, budgets, memory.
// Ends by making JobSpec's dimensions and leaderboards.
#pragma once

#include <map>
#include <string>

#include "app/config.hpp"

namespace marquee {

// Where each key was given: "marquee.toml:12", "--set sink.topic", "environment MARQUEE_SINK__TOPIC".
class KeyPlaces {
 public:
  void set(const std::string& key, const std::string& place) { places_[key] = place; }
  bool has(const std::string& key) const { return places_.contains(key); }
  // Empty where it was not given.
  std::string of(const std::string& key) const {
    const auto found = places_.find(key);
    return found == places_.end() ? std::string() : found->second;
  }

 private:
  std::map<std::string, std::string> places_;
};

class ProblemList {
 public:
  // `name` stands where a problem has no place of its own, such as a missing key.
  void set_name(std::string name) { name_ = std::move(name); }
  void add(const std::string& place, const std::string& text) {
    problems_.push_back((place.empty() ? name_ : place) + ": " + text);
  }
  Problems take() { return std::move(problems_); }

 private:
  std::string name_;
  Problems problems_;
};

void check_config(Config& config, const KeyPlaces& places, const ConfigRequest& request, ProblemList& problems);

}  // namespace marquee
