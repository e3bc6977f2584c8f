Rails.application.routes.draw do
  get "up", to: "tides#up"
  root "tides#index"
end
