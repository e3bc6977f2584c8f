# When the water is high: the moon pulls twice in 24 hours and 50 minutes.
class TidesController < ApplicationController
  BETWEEN_HIGH_WATERS = 44_714
  KNOWN_HIGH_WATER = Time.utc(2026, 1, 3, 4, 12)

  def index
    now = Time.now.utc
    passed = (now - KNOWN_HIGH_WATER) % BETWEEN_HIGH_WATERS
    render json: { sample: "rails", nextHighWater: (now + BETWEEN_HIGH_WATERS - passed).iso8601 }
  end

  # The path that a load balancer asks.
  def up
    render plain: "The tide tables are well.\n"
  end
end
