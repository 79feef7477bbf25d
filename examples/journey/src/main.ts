console.log('journey: not written yet');
