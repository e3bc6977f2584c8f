<?php
// Counts down to the end of term, and answers the health check.
declare(strict_types=1);

$end = new DateTimeImmutable('2026-12-18', new DateTimeZone('Asia/Singapore'));
$days = (int) (new DateTimeImmutable('now', $end->getTimezone()))->diff($end)->format('%r%a');
header('Content-Type: application/json');
echo json_encode(['sample' => 'php', 'daysToTheEndOfTerm' => $days]), "\n";
